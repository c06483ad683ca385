"""Sizes as people write them."""

from __future__ import annotations

import pytest

from vcat.abc import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (0, 0),
        (7, 7),
        ("0", 0),
        ("7", 7),
        ("7 B", 7),
        ("10 GB", 10**10),
        ("10GB", 10**10),
        (" 10 gb ", 10**10),
        ("1 kB", 1000),
        ("1 KB", 1000),
        ("500 MiB", 500 * 2**20),
        ("1.5 GiB", 3 * 2**29),
        ("0.1 PB", 10**14),
        (".5 KiB", 512),
        ("2 TiB", 2**41),
        ("3 PiB", 3 * 2**50),
    ],
)
def test_size_is_understood(text, size):
    """Numbers, decimal and binary units, upper and lower case, with and without a space."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "GB", "ten GB", "10 GX", "10 G", "10 BG", "1,5 GB", "-1 GB", "1e3", "1.2.3 MB", "²"],
)
def test_what_is_no_size_is_refused(text):
    """The error shows what was written and what can be."""
    with pytest.raises(ValueError) as caught:
        parse_size(text)
    assert str(caught.value) == (
        f"size {text!r} is not understood; write a number and one of B, kB, MB, GB, TB, PB, KiB,"
        " MiB, GiB, TiB, PiB, as in '10 GB'"
    )


@pytest.mark.parametrize("value", [True, 1.5, None, b"1"])
def test_what_is_neither_number_nor_text_is_refused(value):
    """A number of bytes is whole."""
    with pytest.raises(TypeError) as caught:
        parse_size(value)
    assert str(caught.value) == (
        f"size is {value!r}, expected bytes as a whole number, or text as '10 GB'"
    )


def test_negative_size_is_refused():
    """There is nothing below no bytes."""
    with pytest.raises(ValueError) as caught:
        parse_size(-1)
    assert str(caught.value) == "size is -1; give a number of bytes from 0 on"
