"""The bytes of which a digest is made."""

from __future__ import annotations

import pytest

from vcat._keys.value import encode


class Collected:
    """Takes bytes as a hash object does."""

    def __init__(self):
        self.data = b""

    def update(self, data):
        self.data += data


@pytest.fixture
def written():
    """Return the bytes of a value."""

    def written(value):
        out = Collected()
        encode(value, out)
        return out.data

    return written
