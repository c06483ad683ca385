"""What stands in a module, since Python 3.15, for what is imported when it is first used."""

from __future__ import annotations

import types
from typing import Any

_LAZY = getattr(types, "LazyImportType", None)


def loaded(value: Any, absent: object) -> Any:
    """Return what a lazy import gives, made for that as the body would; any other value as it is.

    Args:
        value: What a name means in the namespace of a module.
        absent: What to return where the import fails.
    """
    if type(value) is not _LAZY:
        return value
    try:
        return value.resolve()
    except (Exception, SystemExit):  # noqa: BLE001  # its code may raise anything; the body imports nothing
        return absent
