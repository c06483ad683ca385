"""The command ``vcat``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__version__ = "0.1.0"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        arguments: What follows ``vcat`` on the command line; by default that of this process.
    """
    try:
        from vcat_cli.command import run_command

        return run_command(arguments)
    except KeyboardInterrupt:  # before there was anything to do, or while an error was shown
        return 130  # the name of which may not be imported yet
