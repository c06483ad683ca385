"""The one thing that can go wrong with a key: a value whose content nobody can tell."""

from __future__ import annotations


class Unhashable(Exception):  # noqa: N818  # an answer, not an error: the stage runs uncached
    """A value cannot be hashed, and is not guessed.

    Attributes:
        path: Where it lies, as one would write it: ``config['callbacks'][2].lock``.
        reason: What it is and what to do about it.
        subject: What of the stage it belongs to: ``argument 'config'``; empty where not yet known.
        rooted: Whether *path* begins at a module: nothing goes in front of it.
    """

    def __init__(self, path: str, reason: str, subject: str = "", *, rooted: bool = False) -> None:
        prefix = f"{subject} cannot be hashed: " if subject else ""
        super().__init__(f"{prefix}{path or 'it'} {reason}")
        self.path = path
        self.reason = reason
        self.subject = subject
        self.rooted = rooted

    def below(self, path: str, subject: str = "", *, rooted: bool = False) -> Unhashable:
        """Return this with *path* in front of its own, unless rooted, as part of *subject*."""
        return Unhashable(
            self.path if self.rooted else path + self.path,
            self.reason,
            subject or self.subject,
            rooted=self.rooted or rooted,
        )
