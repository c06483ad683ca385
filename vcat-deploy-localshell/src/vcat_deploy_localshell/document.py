"""Reading the records of a job, whatever somebody has made of them."""

from __future__ import annotations

import json
import os
from typing import Any

from vcat.errors import BackendError
from vcat_deploy_localshell import record

_IDENTITY = {"pid": int, "started": str, "boot_id": str, "namespace": str, "host": str}

#: What each of them has at the least.
_FIELDS: dict[str, dict[str, Any]] = {
    record.JOB: {**_IDENTITY, "started_at": (int, float), "mark": str, "submission": str},
    record.CLAIM: {**_IDENTITY, "started_at": (int, float), "mark": str},
    record.SHELL: {"pid": int, "started": str},
    record.ENDING: {"state": str, "reason": (str, type(None))},
    record.GAP: {"start": int, "end": int},
    record.END: {
        **_IDENTITY,
        "state": str,
        "exit_code": (int, type(None)),
        "reason": (str, type(None)),
        "started_at": (int, float, type(None)),
        "ended_at": (int, float),
    },
}


class DamagedError(BackendError):
    """A record is not what was written there; the message names it."""


def read_json(path: str) -> dict[str, Any] | None:
    """Return one of the records, or ``None`` if it does not exist.

    Raises:
        DamagedError: It is not what was written there.
        BackendError: It is of a version that this one does not read.
    """
    try:
        with open(path, "rb") as file:
            document = json.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        raise _damaged(path, "it is a directory") from None
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(document, dict) or "format" not in document:
        raise _damaged(path, "it is no object with a format")
    if document["format"] != record.FORMAT:
        raise BackendError(
            f"LocalShellJobDeployment: {path} has format {document['format']!r}, this"
            f" vcat-deploy-localshell reads {record.FORMAT}; use the version that wrote it"
        )
    for name, kind in _FIELDS.get(os.path.basename(path), {}).items():
        if name not in document or not isinstance(document[name], kind):
            raise _damaged(path, f"{name} is {document.get(name)!r}")
    return document


def read_sound(path: str) -> dict[str, Any] | None:
    """Return one of the records, or ``None`` if it does not exist, or is damaged.

    Raises:
        BackendError: It is of a version that this one does not read.
    """
    try:
        return read_json(path)
    except DamagedError:
        return None


def _damaged(path: str, what: str) -> DamagedError:
    return DamagedError(f"LocalShellJobDeployment: {path} is damaged: {what}")
