"""A stage's function and its inputs in the hands of a person: a debugger, a shell, or one call."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import vcat
from vcat._authoring.reporting import listen
from vcat._authoring.signature import code_of, name_of
from vcat._keeping.amount import say_count
from vcat._running.failure import traceback_of
from vcat._running.process import seed as seeding
from vcat._running.report import Reports
from vcat._running.result import check_result

if TYPE_CHECKING:
    from types import TracebackType

    from vcat._authoring.stage import Stage
    from vcat._running.trial.debugger import Debugger

_OWN = os.path.dirname(os.path.abspath(vcat.__file__))

_LONGEST = 1_000

#: The exit code of a process that Ctrl-C has ended.
INTERRUPTED = 130


def say(text: str) -> None:
    """Say *text* beside what the stage prints."""
    print(f"vcat: {text}", file=sys.stderr, flush=True)  # noqa: T201  # a person reads it


class Call(NamedTuple):
    """What a stage calls.

    Attributes:
        id: How the job calls the stage.
        stage: The stage.
        args: What it is given.
        kwargs: What it is given by name.
        seed: What its random numbers start from.
        failure: What it failed of in the job; empty where it did not.
    """

    id: str
    stage: Stage
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    seed: int | None
    failure: str = ""

    @property
    def label(self) -> str:
        """How messages name the stage: by the id by which it is asked for."""
        return self.stage.label.replace(repr(self.stage.name), repr(self.id), 1)

    def make(self, debugger: Debugger | None = None) -> Any:
        """Call the function, under a debugger where one is given; what it reports is shown."""
        before, seeded = listen(_Shown(0, None)), seeding.begin(self.seed)
        function = self.stage.function
        try:
            if debugger is None:
                return function(*self.args, **self.kwargs)
            # The function alone: code that runs before it is not to be stopped in.
            return debugger.runcall(function, *self.args, **self.kwargs)
        finally:
            seeding.end(seeded)
            listen(before)


def run(call: Call) -> int:
    """Call the function, print what it returns and how long it took; return the exit code."""
    began = time.perf_counter()
    try:
        value = check_result(call.make(), call.stage)
    except BaseException as error:  # noqa: BLE001  # the function may raise anything
        print_traceback(error)
        return exit_code(error)
    took = time.perf_counter() - began
    print(_shown(value, longest=None), flush=True)  # noqa: T201  # what was asked for
    say(f"stage {call.id!r} returned {type(value).__name__} after {took:.3g} s")
    _say_failure(call)
    return 0


def debug(call: Call) -> int:
    """Stop at the first line of the function; where it raises, stop there as well."""
    from vcat._running.trial.debugger import Debugger

    debugger = Debugger()
    if code_of(call.stage.function) is None:
        say(f"stage {call.id!r} is not written in Python: there is no line to stop at")
    try:
        value = call.make(debugger)
    except BaseException as error:  # noqa: BLE001  # the function may raise anything
        _examine(error)
        return 0
    if not debugger.has_quit:
        say(f"stage {call.id!r} returned {_shown(value)}")
        _say_failure(call)
    return 0


def examine(call: Call) -> int:
    """Call the function and stop where it raises, or where Ctrl-C finds it."""
    try:
        value = call.make()
    except BaseException as error:  # noqa: BLE001  # the function may raise anything
        _examine(error)
        return 0
    say(f"stage {call.id!r} did not raise; it returned {_shown(value)}")
    _say_failure(call)
    return 0


def open_shell(call: Call) -> int:
    """Open an interactive shell that has the function, its globals and its arguments by name."""
    from importlib.util import find_spec

    _, stage, args, kwargs, seed, _ = call
    name = name_of(stage.function)
    arguments = _by_name(stage.function, args, kwargs)
    namespace = dict(getattr(stage.function, "__globals__", {}))
    namespace |= {"__name__": "__main__", name: stage.function} | arguments
    call_of = f"{name}({', '.join(_written(args, kwargs, arguments))})"
    lines = [f"  {each} = {_kind(value)}" for each, value in arguments.items()]
    banner = "\n".join([f"vcat: {call_of} is stage {call.id!r}; its arguments are", *lines])
    before, seeded = listen(_Shown(0, None)), seeding.begin(seed)
    try:
        if find_spec("IPython") is None:
            _interact(banner, namespace)
        else:
            from IPython import start_ipython  # type: ignore[import-not-found, unused-ignore]  # where installed

            print(banner, flush=True)  # noqa: T201  # a person reads it
            start_ipython(argv=["--no-banner"], user_ns=namespace)
    finally:
        seeding.end(seeded)
        listen(before)
    return 0


def exit_code(error: BaseException) -> int:
    """Return with which code a process ends that *error* has ended."""
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _say_failure(call: Call) -> None:
    """Say what the stage failed of in the job: here its result was sent nowhere, for one."""
    if call.failure:
        say(f"in the job it failed: {call.failure}")


def print_traceback(error: BaseException) -> None:
    """Print what was raised, without frames of vcat's."""
    sys.stdout.flush()
    sys.stderr.write(traceback_of(error))
    sys.stderr.flush()


#: What can be done with a stage, by the name that the command gives it.
WAYS = {"pdb": debug, "post-mortem": examine, "shell": open_shell, "run": run}


class _Shown(Reports):
    """Shows what a stage reports, and keeps nothing."""

    def _take(self, event: dict[str, Any]) -> None:
        step = f" (step {event['step']})" if "step" in event else ""
        say(f"{event['event']} {event['name']} = {event['value']}{step}")

    def artifact(self, path: Any, name: str | None) -> None:
        super().artifact(path, name)
        for called, data in self.artifacts.items():
            say(f"artifact {called}: {say_count(len(data), 'byte')}, not kept")
        self.artifacts.clear()


def _examine(error: BaseException) -> None:
    from bdb import BdbQuit
    from pdb import post_mortem

    if isinstance(error, BdbQuit):  # of a breakpoint in the code: it was left already
        return
    print_traceback(error)
    post_mortem(_from_user(error.__traceback__))


def _interact(banner: str, namespace: dict[str, Any]) -> None:
    import code
    from contextlib import suppress

    with suppress(ImportError):  # a Python may come without
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(namespace).complete)
        readline.parse_and_bind("tab: complete")
    code.interact(banner, local=namespace, exitmsg="")


def _from_user(traceback: TracebackType | None) -> TracebackType | None:
    whole = traceback
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not file.startswith(_OWN) and traceback.tb_frame.f_globals.get("__name__") != "bdb":
            return traceback
        traceback = traceback.tb_next
    return whole


def _by_name(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    from inspect import signature

    try:
        bound = signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):  # some built-in functions do not tell
        return {"args": args, "kwargs": kwargs}
    bound.apply_defaults()
    return dict(bound.arguments)


def _written(args: tuple[Any, ...], kwargs: dict[str, Any], arguments: dict[str, Any]) -> list[str]:
    """Return the arguments of a call that is the stage's, where the shell has them by name."""
    if arguments.keys() == {"args", "kwargs"}:
        return ["*args", "**kwargs"]
    names = list(arguments)
    return [*names[: len(args)], *(f"{each}={each}" for each in kwargs)]


def _kind(value: Any) -> str:
    text = _shown(value)
    return text if len(text) <= 60 and "\n" not in text else f"<{type(value).__name__}>"


def _shown(value: Any, longest: int | None = _LONGEST) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  # a user's __repr__ may raise anything
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    if longest is None or len(text) <= longest:
        return text
    return f"{text[:longest]}... ({len(text)} characters)"
