"""What this distribution offers to vcat."""

from __future__ import annotations

from vcat.abc import DeploymentBackend
from vcat.hookspecs import hookimpl


@hookimpl
def vcat_deployment_types() -> dict[str, type[DeploymentBackend] | str]:
    """Return the local shell deployment."""
    reference = "vcat_deploy_localshell.deployment:LocalShellJobDeployment"
    return {"vcat.LocalShellJobDeployment": reference}
