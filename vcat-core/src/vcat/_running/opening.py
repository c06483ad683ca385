"""Which engine runs a graph: the one of this process, or one with the configured workers."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from vcat._authoring.reporting import is_heard
from vcat._keeping.guard import ask
from vcat._running.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vcat._authoring.graph import Graph
    from vcat._plugins.configuration import Configuration
    from vcat._running.process.seed import Seeds
    from vcat._running.report import StageObserver
    from vcat._running.results.caching import ResultCache
    from vcat.abc import Workers

#: What needs no telling of how a worker begins.
_HERE = "vcat.InProcessExecutor"


def make_engine(
    graph: Graph,
    parameters: dict[str, Any],
    configuration: Configuration,
    *,
    cache: ResultCache | None,
    observer: StageObserver | None = None,
    seeds: Seeds | None = None,
    warn: Callable[[str], None] | None = None,
    job_name: str = "",
    submitted: Sequence[str] = (),
    directory: str | None = None,
    events: str = "",
) -> Engine:
    """Return the engine for one run of *graph*.

    Args:
        graph: The stages.
        parameters: The values of all hyperparameters.
        configuration: What says which executor there is.
        cache: Results of earlier runs.
        observer: Told of everything that happens.
        seeds: What random numbers of the stages start from.
        warn: Takes what went wrong, one line each.
        job_name: The job; empty for a run in the process that built the graph.
        submitted: Where the project was submitted from, in a job, and what that is a copy of.
        directory: Where files of the run may be; a temporary one if not given.
        events: The file of the job's events.

    Raises:
        BackendError: The executor raised.
    """
    default = configuration.default_cache_enabled
    # What a stage runs is part of it: what it reads, prints and reports is the stage's.
    if configuration.type_string("executor") != _HERE and not is_heard():
        from vcat._running.workers.exchange import Exchange
        from vcat._running.workers.parallel import ParallelEngine
        from vcat._running.workers.task import Beginning

        exchange = Exchange(None if directory is None else os.path.join(directory, "exchange"))
        slots = None if events else ("cache",)
        main = sys.modules.get("__main__")
        beginning = Beginning(
            project=os.getcwd(),
            submitted=list(submitted),
            job_name=job_name,
            configuration=configuration.freeze(slots),
            scratch=exchange.directory,
            main=getattr(main, "__file__", None) or "",
            package=getattr(main, "__package__", None),
            paths=[os.path.abspath(each) for each in sys.path],
            directory="" if directory is None else directory,
            log_level=configuration.log_level,
            events=events,
        )
        try:
            workers: Workers | None = ask(
                configuration.executor, "open", json.dumps(tuple(beginning)).encode()
            )
            if workers is not None:
                return ParallelEngine(
                    graph,
                    parameters,
                    workers,
                    exchange,
                    cache=cache,
                    cached_by_default=default,
                    observer=observer,
                    seeds=seeds,
                    warn=warn,
                    workers_tell=bool(events),
                )
        except BaseException:
            exchange.close()
            raise
        exchange.close()
    return Engine(
        graph,
        parameters,
        cache=cache,
        cached_by_default=default,
        observer=observer,
        seeds=seeds,
    )
