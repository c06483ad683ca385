"""Tar headers that depend on nothing but name, kind, size and the x bit.

What ``docs/formats.md`` calls an entry: a ustar header, preceded by one PAX header where the
name does not fit. Names are raw bytes throughout, so every name a file system has round-trips.
"""

from __future__ import annotations

#: Entries and their contents begin at multiples of this.
BLOCK = 512

#: What ends a tar archive; the fragments that parts are made of lack it.
END = bytes(2 * BLOCK)

#: A regular file of this size or more does not fit the size field.
SIZE_LIMIT = 8 << 30

#: The longest name an entry may have, which is what a kernel takes for a path.
NAME_LIMIT = 4096

# Names of the header blocks that belong to a long name. They are constants so that a reader can
# refuse any other: two readers can then never disagree about where such an entry goes.
_PAX_NAME = b"@pax"
_LONG_NAME = b"@long"


def entry_header(name: bytes, size: int, *, directory: bool, executable: bool) -> bytes:
    """Return the header blocks of one entry.

    Args:
        name: Its path, components joined by ``/``, without a trailing one.
        size: The size of the content that follows; 0 for a directory.
        directory: Whether it is a directory rather than a regular file.
        executable: Whether its owner may execute it.
    """
    mode = b"0000755\x00" if directory or executable else b"0000644\x00"
    stored = name + b"/" if directory else name
    kind = b"5" if directory else b"0"
    if len(stored) <= 100:
        return _block(stored, b"", mode, size, kind)
    cut = stored.find(b"/", len(stored) - 101)
    if 0 < cut <= 155 and cut < len(stored) - 1:
        return _block(stored[cut + 1 :], stored[:cut], mode, size, kind)
    return _long_name(stored) + _block(_LONG_NAME, b"", mode, size, kind)


def padding(size: int) -> bytes:
    """Return the zeros that follow *size* bytes of content."""
    return bytes(-size % BLOCK)


def _block(name: bytes, prefix: bytes, mode: bytes, size: int, kind: bytes) -> bytes:
    block = b"".join(
        (
            name.ljust(100, b"\0"),
            mode,
            b"0000000\x00",  # nobody's user
            b"0000000\x00",  # and group
            b"%011o\0" % size,
            b"00000000000\0",  # the beginning of time
            b"        ",  # the checksum is taken with blanks in its own place
            kind,
            bytes(100),
            b"ustar\x00",
            b"00",
            bytes(80),  # no names of owners, no device
            prefix.ljust(155, b"\0"),
            bytes(12),
        )
    )
    return b"%b%06o\0 %b" % (block[:148], sum(block), block[156:])


def _long_name(name: bytes) -> bytes:
    records = b""
    try:
        name.decode()
    except UnicodeDecodeError:
        # What POSIX asks for where a value is not UTF-8.
        records = _record(b"hdrcharset", b"BINARY")
    records += _record(b"path", name)
    header = _block(_PAX_NAME, b"", b"0000644\0", len(records), b"x")
    return header + records + padding(len(records))


def _record(key: bytes, value: bytes) -> bytes:
    # The length counts its own digits.
    length = bare = len(key) + len(value) + 3
    while length != bare + len(b"%d" % length):
        length = bare + len(b"%d" % length)
    return b"%d %b=%b\n" % (length, key, value)
