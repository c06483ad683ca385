"""Running a graph in the process that built it."""

from __future__ import annotations

import os
import warnings
from typing import Any

from vcat._authoring.graph import Graph
from vcat._authoring.stage import Stage
from vcat._plugins.configuration import load
from vcat._running.failure import first_line
from vcat._running.mapping import ItemsError, StageFailure
from vcat._running.opening import make_engine
from vcat._running.process.seed import generators_kept
from vcat.abc import unobserved
from vcat.errors import StageError


def run(end: Stage, given: dict[str, Any]) -> Any:
    """Return the value of *end*, run here through the engine and the configured cache.

    Raises:
        GraphError: A hyperparameter is unknown or missing, or the graph has a cycle.
        StageError: A stage's function raised; the cause is chained.
    """
    graph = Graph.ending_in(end)
    parameters = graph.fill_parameters(given)
    project = os.getcwd()
    with unobserved():  # a stage that runs a pipeline does not depend on where the cache is
        configuration = load(project)
    cache = None
    default = configuration.default_cache_enabled
    if graph.needs_cache(default):
        from vcat._running.results.caching import ResultCache

        cache = ResultCache(
            configuration.cache, project, "", _warn, find=configuration.value_types.find
        )
    engine = make_engine(graph, parameters, configuration, cache=cache, warn=_warn)
    try:
        with generators_kept():
            engine.run()
            return engine.result()
    except StageFailure as failure:
        text = "\n".join(_described(each) for each in failure.failures)
        cause = failure.__cause__
        raise StageError(text) from (cause.__cause__ if isinstance(cause, ItemsError) else cause)
    finally:
        engine.close()
        with unobserved():
            configuration.hide_stores()


def _described(failure: StageFailure) -> str:
    cause = failure.__cause__ or failure
    said = str(cause) if isinstance(cause, ItemsError) else first_line(cause)
    return f"{failure.stage.label}: {said}"


def _warn(text: str) -> None:
    warnings.warn(f"vcat: {text}", RuntimeWarning, stacklevel=2)
