"""What random numbers of a stage start from, so that the same work draws the same ones.

Seeded are the generators that a whole process shares: those of :mod:`random`, ``numpy.random`` and
``torch``, as far as they have been imported, and when a stage is the first to import them, then.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from operator import getitem
from typing import TYPE_CHECKING, Any

from vcat._authoring.seeding import current_seed, set_seed
from vcat._running.process.import_hook import ImportHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vcat._authoring.stage import Stage
    from vcat._keys.recipe import Key


class Seeds:
    """The seeds of the stages of one run.

    Attributes:
        used: The seed of each stage that was called, by its number.

    Args:
        job_name: The job; empty for a run in the same process.
        ids: The ids of the stages of the job, by number.
    """

    def __init__(self, job_name: str = "", ids: Sequence[str] = ()) -> None:
        self.used: dict[int, int] = {}
        self._job_name = job_name
        self._ids = ids

    def of(self, number: int, stage: Stage, key: Key | None) -> int | None:
        """Return the seed of a stage that is about to be called.

        The one that it was given; else the first eight bytes of its key, which are the same
        wherever the same work is done; else, of a stage without a key, one of job and stage.
        ``None`` where there is no job either: then the generators are left as they are.
        """
        seed = stage.options.seed
        if seed is None:
            if stage.function is getitem:
                return None
            if key is not None:
                seed = int(key.hex[:16], 16)
            elif self._job_name:
                from hashlib import sha256

                # The items of a map come after the stages that the job was submitted with.
                name = self._ids[number] if number < len(self._ids) else f"#{number}"
                name = f"vcat seed\0{self._job_name}\0{name}"
                seed = int.from_bytes(sha256(name.encode()).digest()[:8], "big")
            else:
                return None
        self.used[number] = seed
        return seed


def begin(seed: int | None) -> object:
    """Let what is drawn from now on start from *seed*; return what :func:`end` is to be given."""
    if seed is not None:
        modules = sys.modules
        for name, start in _STARTS.items():
            if name in modules:
                start(modules[name], seed)
    return set_seed(seed)


def end(before: object) -> None:
    """Let a stage that ran a pipeline have its own seed back."""
    set_seed(before)


def start_python(module: Any, seed: int) -> None:
    """Seed :mod:`random`, unless it is a module of the project that has this name."""
    with suppress(AttributeError):  # or another thread is importing it right now
        _shared(module).seed(seed)


def _shared(module: Any) -> Any:
    """Return the generator whose methods the functions of :mod:`random` are."""
    return module.random.__self__


def start_numpy(module: Any, seed: int) -> None:
    """Seed ``numpy.random``, which takes 32 bits; more of them, in pieces, take twice the time."""
    with suppress(AttributeError):
        module.seed(seed & 0xFFFFFFFF)


def start_torch(module: Any, seed: int) -> None:
    """Seed ``torch`` on all its devices."""
    with suppress(AttributeError):
        module.manual_seed(seed)


_STARTS: dict[str, Callable[[Any, int], None]] = {
    "random": start_python,
    "numpy.random": start_numpy,
    "torch": start_torch,
}


def actions_on_import() -> dict[str, Callable[[Any], None]]:
    """Return what seeds a module that a stage is the first to import, for an import hook."""

    def starter(start: Callable[[Any, int], None]) -> Callable[[Any], None]:
        def act(module: Any) -> None:
            seed = current_seed()
            if seed is not None:
                start(module, seed)

        return act

    return {name: starter(start) for name, start in _STARTS.items()}


@contextmanager
def generators_kept() -> Iterator[None]:
    """Put the generators of the process back after the block, for the script that goes on."""
    modules = sys.modules
    states = {}
    for name, (get, _, _) in _STATES.items():
        if name in modules:
            with suppress(AttributeError):  # a module of the project that has this name
                states[name] = get(modules[name])
    hook = ImportHook(actions_on_import())
    hook.install()
    try:
        yield
    finally:
        hook.remove()
        for name, (_, put, renew) in _STATES.items():
            if name in states:
                put(modules[name], states[name])
            elif name in modules:  # first imported in the block: as after any import
                seed = current_seed()  # of the stage that ran the block
                if seed is None:
                    with suppress(AttributeError):
                        renew(modules[name])
                else:
                    _STARTS[name](modules[name], seed)


_STATES: dict[
    str, tuple[Callable[[Any], Any], Callable[[Any, Any], None], Callable[[Any], Any]]
] = {
    "random": (
        lambda module: _shared(module).getstate(),
        lambda module, state: _shared(module).setstate(state),
        lambda module: _shared(module).seed(),
    ),
    "numpy.random": (
        lambda module: module.get_state(legacy=False),
        lambda module, state: module.set_state(state),
        lambda module: module.seed(),
    ),
    "torch": (
        lambda module: module.get_rng_state(),
        lambda module, state: module.set_rng_state(state),
        lambda module: module.seed(),
    ),
}
