"""The seed of the running stage, which the engine sets and the script may ask for."""

from __future__ import annotations

from _thread import get_ident

from vcat.errors import VcatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: By the thread in which a stage runs; ``None`` for a stage without a seed.
_seeds: dict[int, int | None] = {}

_NONE = object()


def set_seed(seed: Any = _NONE) -> Any:
    """Let *seed* be that of the stage that this thread runs; return what is to be set after it.

    Without an argument no stage runs in this thread.
    """
    thread = get_ident()
    before = _seeds.pop(thread, _NONE)
    if seed is not _NONE:
        _seeds[thread] = seed
    return before


def current_seed() -> int | None:
    """Return the seed of the stage that runs in this thread, or of the one that began last."""
    if not _seeds:
        return None
    thread = get_ident()
    return _seeds[thread] if thread in _seeds else next(reversed(_seeds.values()))


def stage_seed() -> int:
    """Return what the random numbers of the running stage start from.

    For generators that a stage makes itself: ``numpy.random.default_rng(stage_seed())``. It is what
    ``@stage(seed=...)`` says, else a number made of the stage's key: another function or another
    argument, another seed. A stage without a key has a new one in each job.

    Raises:
        VcatError: No stage is running in this process.
    """
    if not _seeds:
        raise VcatError(
            "stage_seed(): no stage is running in this process; call it in a function that is a"
            " stage of the pipeline"
        )
    seed = current_seed()
    if seed is None:
        from os import urandom

        return int.from_bytes(urandom(8), "big")
    return seed
