"""Every exception vcat raises on purpose, under one base class.

A message says where, what, with which value, what would be right and what to do. Each class also
inherits the built-in exception its reader would have expected.
"""

from __future__ import annotations


class VcatError(Exception):
    """The base of every error that vcat raises on purpose."""


class ConfigError(VcatError, ValueError):
    """A configuration file, or a value in it, is wrong; the message begins with ``file:line``."""


class UnknownTypeError(ConfigError):
    """A type string names no backend that is installed."""


class PluginError(VcatError, ImportError):
    """A plugin cannot be used: its import fails, or what it offers is not what its role asks."""


class GraphError(VcatError, TypeError):
    """A stage or a graph of stages is built or parametrised in a way that can never run.

    Attributes:
        unknown: The names of hyperparameters that were given a value and that there are not.
    """

    unknown: tuple[str, ...] = ()


class UnpicklableError(VcatError, TypeError):
    """A value cannot be serialised; the message names stage, argument and the path inside."""


class BundleError(VcatError, OSError):
    """A project cannot be bundled, or a bundle cannot be unpacked."""


class StageError(VcatError, RuntimeError):
    """A stage's function raised in this process; the cause is chained."""


class CommandError(VcatError, RuntimeError):
    """A command that is a stage could not be run, or ended with another exit code than 0.

    Attributes:
        timed_out: Whether it was ended because it took too long.
    """

    timed_out = False


class RemoteException(VcatError, RuntimeError):  # noqa: N818  # the name users know
    """A job did not complete.

    The first line of the message is what was raised, ``ValueError: bad input 3``; the frames of the
    user's code, the stage and the place of the full log follow.
    """


class UnknownJobError(VcatError, LookupError):
    """No job, or more than one, answers to a name, or a job has no such stage."""


class BackendError(VcatError, RuntimeError):
    """A backend raised; the message names its class and the operation, the cause is chained."""


class FormatError(VcatError, ValueError):
    """Stored bytes are damaged or of a format version that this vcat does not read."""


class WorkerEndedError(VcatError, RuntimeError):
    """The process that had a task has ended without an answer.

    Attributes:
        exit_code: How it ended, as ``os.waitstatus_to_exitcode`` says it; ``None`` where unknown.
        lack: What is to be added of a lack of memory, as far as that is known.
        harm: What is to be added of what the stage had done to the process, as far as that is
            known.
    """

    def __init__(self, exit_code: int | None = None) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code
        self.lack = ""
        self.harm = ""

    def __str__(self) -> str:
        if self.exit_code is None:
            return "its process has ended without a result"
        if self.exit_code >= 0:
            code = self.exit_code
            return f"its process ended with exit code {code} and without a result{self.harm}"
        import signal

        try:
            name = f" ({signal.Signals(-self.exit_code).name})"
        except ValueError:  # one of those for real-time
            name = ""
        asked = -self.exit_code in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
        how = "ended" if asked else "killed"
        return f"its process was {how} by signal {-self.exit_code}{name}{self.lack}"
