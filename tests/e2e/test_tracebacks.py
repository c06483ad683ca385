"""The log of a job has the traceback of all that failed in it."""

from __future__ import annotations

import pytest

SCRIPT = """
    from vcat import *

    @stage
    def check(number):
        if number % 2:
            raise ValueError(f"no {number}")

    if __name__ == "__main__":
        check.map(range(6)).run(job_name="checks").wait_for_deployment_to_complete()
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [False, True], ids=["alone", "workers"])
def test_each_item_that_failed_has_its_traceback_in_the_log_of_the_job(project, workers):
    """Once, wherever it ran; that of the first is where the job says why it failed."""
    project.write("main.py", SCRIPT)
    if workers:
        project.use_workers(2)
    project.run("main.py")
    lines = project.ask("print(json.dumps(list(get_job('checks').log_lines())))")
    for number in (1, 3, 5):
        assert lines.count(f"ValueError: no {number}") == 1, lines
    said = [each for each in lines if each.startswith("vcat: ")]
    assert said == [f"vcat: item {each} of stage 'check' (main.py:4) failed:" for each in (3, 5)]
