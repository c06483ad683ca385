"""What a worker is given: values that other processes of the run have written, or the cache has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vcat._keeping.codec import loads
from vcat._running.holding import LostValueError
from vcat._running.workers.exchange import map_file
from vcat.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vcat._running.results.caching import ResultCache
    from vcat._running.workers.exchange import Piece


class Intake:
    """Reads what a worker is given.

    Args:
        cache: Gives the cache, when something is to be read from it.
    """

    def __init__(self, cache: Callable[[], ResultCache]) -> None:
        self._cache = cache

    def value(self, number: int, piece: Any, path: Any) -> Any:
        """Return the value of a stage, as a task says where it is.

        Raises:
            LostValueError: It is not there, or not what was written.
        """
        if piece is None:
            return [self.value(*each) for each in path]
        try:
            value = self.loaded(piece)
            for each in path:
                value = value[each]
        except Exception as error:  # a class that has gone raises anything
            raise LostValueError(number, f"{type(error).__name__}: {error}") from error
        return value

    def loaded(self, piece: Piece) -> Any:
        """Return what is in a piece; from the cache where the file of the run has gone.

        Raises:
            VcatError: It is nowhere, or damaged.
        """
        if piece.data is not None:
            return loads(piece.data, piece.digest)
        if piece.file:
            try:
                return loads(map_file(piece.file), *piece.check())
            except FormatError:
                if not piece.key:
                    raise
        return loads(self._stored(piece), piece.digest)

    def _stored(self, piece: Piece) -> Any:
        from vcat._keeping.entry import VALUE, Content
        from vcat._keys.recipe import Key

        content = Content(VALUE, "", piece.size, piece.digest, None)
        key = Key(piece.key, None, [], {}, None)  # type: ignore[arg-type]  # for what it comes to
        return self._cache().contents.unverified(key, content)
