"""What must not be shown: values under names that look secret, and user names in URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"

# Compiled where they are used: a job that records nothing does not pay for them.
_NAME = (
    r"passw|passphrase|secret|token|credential|private|signature|apikey"
    r"|(^|_)(pwd|key|keys|auth)(_|$)"
)
_WORD_START = r"(?<=[a-z0-9])(?=[A-Z])"
_USERINFO = r"(?<=://)[^/?#\s]*@"


def is_secret(name: str) -> bool:
    """Return whether values called *name* look like something to keep secret."""
    return re.search(_NAME, re.sub(_WORD_START, "_", name).replace("-", "_").lower()) is not None


def redact(content: Any, name: str = "") -> Any:
    """Return plain data with secret values masked and no user names and passwords in URLs."""
    if name and is_secret(name) and content is not None:
        return MASK
    if isinstance(content, Mapping):
        return {key: redact(each, str(key)) for key, each in content.items()}
    if isinstance(content, (list, tuple)):
        return [redact(each) for each in content]
    return scrub(content) if isinstance(content, str) else content


def scrub(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return *text* without *secrets* and without the user's name and password of URLs."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK).replace(repr(secret)[1:-1], MASK)
    return re.sub(_USERINFO, f"{MASK}@", text) if "://" in text else text


def secrets_in(content: Any, name: str = "") -> tuple[str, ...]:
    """Return the secret values anywhere in plain data, as text."""
    if isinstance(content, Mapping):
        return tuple(
            secret
            for key, each in content.items()
            for secret in secrets_in(each, name if name and is_secret(name) else str(key))
        )
    if isinstance(content, (list, tuple)):
        return tuple(secret for each in content for secret in secrets_in(each, name))
    if name and is_secret(name) and content not in (None, "", True, False):
        return (str(content),)
    return ()
