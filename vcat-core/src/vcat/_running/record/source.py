"""The project as it was sent, cut out of the bundle it arrived in."""

from __future__ import annotations

import json
import os
import zlib


def source_archive(directory: str) -> bytes | None:
    """Return the project part of the bundle in *directory* as a ``.tgz``, ``None`` without one.

    The part is one run of bytes of the bundle, so nothing is compressed again.
    """
    try:
        with open(os.path.join(directory, "bundle.tgz"), "rb") as file:
            with open(os.path.join(directory, "bundle.json"), "rb") as index:
                manifest = json.load(index)
            with open(os.path.join(directory, "bundle.digest"), "rb") as pinned:
                start = int(pinned.read().split()[-1])
            part = next(each for each in manifest["parts"] if each["name"] == "project")
            file.seek(start + part["offset"])
            return file.read(part["size"]) + _end_of_archive()
    except FileNotFoundError:
        return None


def _end_of_archive() -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    return compressor.compress(bytes(1024)) + compressor.flush()
