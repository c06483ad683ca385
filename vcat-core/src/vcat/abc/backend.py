"""What backends of all roles have use for: kept options, sizes, work that is of no stage."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Iterator
from contextlib import contextmanager

#: What a store takes as content: anything with the buffer of its bytes, C-contiguous.
Data = bytes | bytearray | memoryview


#: The threads in which vcat itself is at work: what they open is not what a stage reads.
_at_work: set[int] = set()


@contextmanager
def unobserved() -> Iterator[None]:
    """Do in the block what is not of the stage that may be running meanwhile.

    What a thread of this process opens counts as read by the running stage. In the methods of a
    backend it does not; what a backend does in threads of its own it does in this block.
    """
    thread = get_ident()
    outermost = thread not in _at_work
    try:  # from here on, because an interrupt may come with the very next call
        _at_work.add(thread)
        yield
    finally:
        if outermost:
            _at_work.discard(thread)


_UNITS = {"B": 1}
for _power, _letter in enumerate("KMGTP", 1):
    _UNITS[f"{_letter}B"] = 1000**_power
    _UNITS[f"{_letter}IB"] = 1024**_power


def parse_size(size: int | str) -> int:
    """Return how many bytes *size* is: a number, or text such as ``"10 GB"`` or ``"1.5 GiB"``.

    Upper and lower case mean the same; ``kB`` is 1000 bytes, ``KiB`` 1024.

    Raises:
        TypeError: It is neither a whole number nor text.
        ValueError: It is negative, or text of another form.
    """
    if isinstance(size, bool) or not isinstance(size, int | str):
        raise TypeError(f"size is {size!r}, expected bytes as a whole number, or text as '10 GB'")
    if isinstance(size, int):
        if size < 0:
            raise ValueError(f"size is {size!r}; give a number of bytes from 0 on")
        return size
    text = size.strip().upper()
    number = text.rstrip("BIKMGTP ")
    unit = text[len(number) :].strip()
    whole, _, fraction = number.partition(".")
    # Exact: as a float, "0.1 PB" would not be a whole number of bytes.
    if f"{whole}{fraction}".isdecimal() and text.isascii() and (not unit or unit in _UNITS):
        count = int(whole + fraction) * _UNITS[unit or "B"]
        return count // int("1" + "0" * len(fraction))
    raise ValueError(
        f"size {size!r} is not understood; write a number and one of B, kB, MB, GB, TB, PB, KiB,"
        " MiB, GiB, TiB, PiB, as in '10 GB'"
    )


class Configured:
    """A backend that is nothing but its options: equal, hashed, shown and pickled by them.

    What a frozen dataclass would be, without the ten milliseconds that importing dataclasses costs
    every start of a job. The constructor hands its options, by the names of its parameters, to
    :meth:`_keep`.

    Example:
        A cache with one option::

            class RedisCacheBackend(Configured, CacheBackend):
                def __init__(self, url: str) -> None:
                    self._keep(url=url)
    """

    def _keep(self, **options: object) -> None:
        self.__dict__.update(options)

    def options(self) -> dict[str, object]:
        """Return the options by name, as they are kept."""
        return dict(self.__dict__)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; build another one instead")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({shown})"
