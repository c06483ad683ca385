"""What the processes of a command report: written to a spool, and passed on by the stage.

A process that imports vcat finds the spool by a variable, appends a line for each report, and puts
a copy of each artifact beside it. The stage reads the lines while the command runs, and reports
them as its own.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import vcat
from vcat._authoring.reporting import SPOOL, is_heard
from vcat._keeping.archive import parse_document
from vcat._keeping.event import EventLog, number_from_json, read_events
from vcat._running.report import Reports
from vcat.errors import VcatError

if TYPE_CHECKING:
    from threading import Event, Thread

_REPORTS = "reports.jsonl"
_SECONDS = 0.5
_PIECE = 1 << 20

#: A module that stands for vcat where the variable PYTHONPATH leads a command's Python: in front of
#: what is installed. It steps aside for that, and only without it brings what the bundle has, after
#: all else, so that no package of the environment is hidden by one of the bundle.
_STAND_IN = '''\
"""Stands for vcat until it is imported: what is installed, else what came with the job."""

import os
import sys

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:] = [each for each in sys.path if os.path.abspath(each) != here]
del sys.modules["vcat"]
try:
    import vcat
except ImportError as error:
    if getattr(error, "name", None) != "vcat":
        raise
    sys.path += {paths!r}
    import vcat
'''


class Spool:
    """The spool of one command, in a directory that is gone afterwards.

    Args:
        directory: The directory; ``None`` where nobody listens to this process.
    """

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._place = 0
        self._problem: Exception | None = None
        self._end: Event | None = None
        self._reader: Thread | None = None

    @classmethod
    def open(cls) -> Spool:
        """Make the spool of a command that this process is about to run."""
        if not is_heard():
            return cls(None)
        from tempfile import mkdtemp

        from vcat._running.process.command import unpacked_from

        job = unpacked_from()
        directory = mkdtemp(prefix="command-", dir=job)
        if job is not None:
            _write_stand_in(os.path.join(directory, "import"), job)
        return cls(directory)

    def environment(self) -> dict[str, str]:
        """Return the variables of the command: those of this process and a few of ours."""
        environment = dict(os.environ)
        # A line is in the log when it is printed, as those of a stage are.
        environment.setdefault("PYTHONUNBUFFERED", "1")
        if self._directory is not None:
            environment[SPOOL] = self._directory
            modules = os.path.join(self._directory, "import")
            paths = [*_copied(), environment.get("PYTHONPATH", "")]
            paths += [modules] * os.path.isdir(modules)
            if any(paths):
                environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        return environment

    def __enter__(self) -> Spool:
        if self._directory is not None:
            import threading

            self._end = threading.Event()
            self._reader = threading.Thread(target=self._read, name="vcat-reports", daemon=True)
            self._reader.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self._end is None or self._reader is None or self._directory is None:
            return
        import shutil

        self._end.set()
        self._reader.join()
        shutil.rmtree(self._directory, ignore_errors=True)
        if self._problem is not None and error is None:
            raise self._problem

    def _read(self) -> None:
        """Pass on what is reported until the command has ended, then the rest."""
        while self._end is not None:
            is_last = self._end.wait(_SECONDS)
            try:
                while self._pass_on():
                    pass
            except Exception as error:  # noqa: BLE001  # an archive may raise anything: the stage raises it
                self._problem = error
                return
            if is_last:
                return

    def _pass_on(self) -> bool:
        """Pass on the next lines that are complete; return whether there were any."""
        try:
            with open(os.path.join(self._directory or "", _REPORTS), "rb") as file:
                file.seek(self._place)
                data = file.read(_PIECE)
                while data and b"\n" not in data and (more := file.read(_PIECE)):
                    data += more
        except FileNotFoundError:
            return False
        data = data[: data.rfind(b"\n") + 1]
        self._place += len(data)
        for event in read_events(data):
            self._report(event)
        return bool(data)

    def _report(self, event: dict[str, Any]) -> None:
        kind, name, value = event["event"], event.get("name"), event.get("value")
        if not isinstance(name, str):
            return  # nobody writes that but by hand
        if kind == "metric":
            with suppress(TypeError, ValueError):
                vcat.log_metric(name, number_from_json(value), event.get("step"))  # type: ignore[arg-type]  # checked there
        elif kind == "param":
            vcat.log_param(name, value)
        elif kind == "tag":
            vcat.set_tag(name, str(value))
        elif kind == "artifact":
            copy = os.path.join(self._directory or "", os.path.basename(str(event.get("file"))))
            vcat.log_artifact(copy, name)
            os.unlink(copy)


class Sender(Reports):
    """The listener of a process of a command: checks as a stage does, and writes to the spool.

    Args:
        directory: The spool.

    Raises:
        VcatError: The spool is gone.
    """

    def __init__(self, directory: str) -> None:
        super().__init__(0, None)
        self._directory = directory
        try:
            self._log = EventLog(os.path.join(directory, _REPORTS))
        except OSError as error:
            raise VcatError(
                f"nobody listens to what this process logs: {directory} cannot be written to"
                f" ({(error.strerror or str(error)).lower()}); the command of the job has ended"
            ) from None

    def artifact(self, path: Any, name: str | None) -> None:
        """Copy a file into the spool and tell of it."""
        super().artifact(path, name)
        for called, data in self.artifacts.items():
            copy = f"artifact-{os.urandom(8).hex()}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(os.path.join(self._directory, copy), flags, 0o600), "wb") as file:
                file.write(data)
            self._log.append("artifact", name=called, file=copy)
        self.clear()

    def _take(self, event: dict[str, Any]) -> None:
        fields = dict(event)
        self._log.append(fields.pop("event"), **fields)


def _copied() -> list[str]:
    """Return where the job's copy of the project has the packages that are installed from it.

    An installation in editable mode leads a command to the project, which may have changed since.
    """
    from vcat._running.process.command import unpacked_from

    job = unpacked_from()
    if job is None:
        return []
    try:
        with open(os.path.join(job, "job", "definition.json"), "rb") as file:
            definition = parse_document(file.read(), "definition", "job/definition.json")
    except (OSError, VcatError):  # a stage may have deleted it
        return []
    places = [os.path.join(job, "project", each) for each in definition.get("editable", ())]
    return [os.path.normpath(each) for each in places if os.path.isdir(each)]


def _write_stand_in(directory: str, job: str) -> None:
    paths = [os.path.join(job, each) for each in ("runtime", "requirements")]
    paths = [each for each in paths if os.path.isdir(each)]
    os.makedirs(os.path.join(directory, "vcat"))
    with open(os.path.join(directory, "vcat", "__init__.py"), "w", encoding="utf-8") as file:
        file.write(_STAND_IN.replace("{paths!r}", repr(paths)))
