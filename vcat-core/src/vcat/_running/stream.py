"""A stream that stands in front of another one."""

from __future__ import annotations

from typing import Any


class Front:
    """A stream that sees what is written to another one, and is that one in all else.

    Attributes:
        original: What is beneath.
    """

    def __init__(self, original: Any) -> None:
        self.original = original

    def write(self, text: Any) -> Any:
        """Write *text*, and take note of it: in one call, because every line of a job needs it."""
        raise NotImplementedError

    def writelines(self, lines: Any) -> None:
        """Write each of *lines*."""
        for each in lines:
            self.write(each)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

    def __iter__(self) -> Any:
        return iter(self.original)

    def __enter__(self) -> Any:
        self.original.__enter__()
        return self

    def __exit__(self, *exception: object) -> Any:
        return self.original.__exit__(*exception)
