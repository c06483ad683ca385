"""Jobs as processes of this machine."""

from __future__ import annotations

TYPE_CHECKING = False  # typing is not worth its import to a supervisor, which comes by here
if TYPE_CHECKING:
    from vcat_deploy_localshell.deployment import LocalShellJobDeployment

__all__ = ["LocalShellJobDeployment"]


def __getattr__(name: str) -> type:
    if name != "LocalShellJobDeployment":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vcat_deploy_localshell.deployment import LocalShellJobDeployment

    return LocalShellJobDeployment
