"""The executor that vcat brings does what its role demands."""

from __future__ import annotations

import pytest

from vcat.testing import ExecutorBackendTests

pytestmark = pytest.mark.slow


class TestProcessPoolExecutor(ExecutorBackendTests):
    type_name = "vcat.ProcessPoolExecutor"

    @pytest.fixture
    def options(self):
        return {"workers": 2}


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2", True])
def test_a_number_of_workers_that_is_none_is_refused(workers):
    """Where the backend is built, before anything runs."""
    from vcat._plugins.process_pool import ProcessPoolExecutor

    with pytest.raises(ValueError) as caught:
        ProcessPoolExecutor(workers)
    assert str(caught.value) == (
        f"workers is {workers!r}; give a whole number from 1 on, or leave out"
    )
