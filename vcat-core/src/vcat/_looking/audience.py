"""Who is told of a job in this process, however many handles it has of it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from vcat._looking.screen import Screen
    from vcat._plugins.configuration import Configuration


class Audience:
    """What all handles of one job in this process share.

    Attributes:
        is_quiet: Whether nothing is shown.
        cancels: Whether whoever runs the script cancels the job on Ctrl-C, so that nobody must say
            that it goes on.
        knows_end: Whether it has been said how the job has ended.
        screen: What shows its progress to all of them, where one after the other would say the
            same; ``None`` as yet.
    """

    def __init__(self) -> None:
        self.is_quiet = False
        self.cancels = False
        self.knows_end = False
        self.screen: Screen | None = None


#: By the name of the job and where it was found. Nobody needs one of which there is no handle left.
_audiences: WeakValueDictionary[tuple[object, ...], Audience] = WeakValueDictionary()


def new_audience(job_name: str, configuration: Configuration) -> Audience:
    """Return that of a job that was just submitted, whatever had its name before."""
    made = _audiences[job_name, configuration.files, configuration.stores] = Audience()
    return made


def audience_of(job_name: str, configuration: Configuration) -> Audience:
    """Return that of a job, of which there may be another handle."""
    known = _audiences.get((job_name, configuration.files, configuration.stores))
    return known or new_audience(job_name, configuration)
