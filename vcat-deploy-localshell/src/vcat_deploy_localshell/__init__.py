"""Jobs as processes of this machine."""

from __future__ import annotations

from vcat_deploy_localshell.deployment import LocalShellJobDeployment

__all__ = ["LocalShellJobDeployment"]
