"""What is wrong with a configuration: gathered, and raised as one error."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from vcat.errors import ConfigError, VcatError

_SHOWN = 20


class Place(NamedTuple):
    """Where something was written.

    Attributes:
        label: The file as messages name it.
        line: The line in it, from 1; 0 for what concerns the whole file.
        directory: The directory of the file.
    """

    label: str
    line: int = 0
    directory: str = ""

    def __str__(self) -> str:
        return f"{self.label}:{self.line}" if self.line else self.label


class Problems:
    """The problems found so far, each one line."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[Place, type[VcatError]]] = {}

    def add(
        self, place: Place, key: str | None, text: str, kind: type[VcatError] = ConfigError
    ) -> None:
        """Note that *key* at *place* is wrong; the same problem found twice is one."""
        line = ": ".join(each for each in (str(place), key, text) if each)
        self._lines.setdefault(line, (place, kind))

    def __len__(self) -> int:
        return len(self._lines)

    def raise_any(self) -> None:
        """Raise one error of all problems, if there are any.

        Its class is that of the problems where they agree, so that a single unknown type string is
        an ``UnknownTypeError``; it is ``ConfigError`` where they differ.
        """
        if self._lines:
            self._raise()

    def _raise(self) -> NoReturn:
        kinds = {kind for _, kind in self._lines.values()}
        kind = kinds.pop() if len(kinds) == 1 else ConfigError
        # As the files have them, and not in the order in which they were found.
        lines = sorted(self._lines, key=lambda line: self._lines[line][0][:2])
        if len(lines) > _SHOWN:
            more = len(lines) - _SHOWN
            lines = [*lines[:_SHOWN], f"and {more} more problem{'s' * (more != 1)}"]
        raise kind("\n".join(lines))
