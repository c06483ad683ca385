"""The local shell does what is demanded of a deployment."""

from __future__ import annotations

import pytest

from vcat.testing import DeploymentBackendTests


class TestLocalShellJobDeployment(DeploymentBackendTests):
    type_name = "vcat.LocalShellJobDeployment"

    @pytest.fixture
    def options(self, tmp_path):
        return {"path": str(tmp_path / "jobs")}
