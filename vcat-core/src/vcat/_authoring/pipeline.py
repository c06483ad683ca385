"""Pipelines: piping functions together, and running the graph that ends in a stage."""

from __future__ import annotations

from vcat._authoring import door
from vcat.errors import GraphError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vcat._authoring.stage import Stage
    from vcat._looking.deployment import Deployment


class Pipeline:
    """A graph that ends in a stage, or the empty beginning of one, ``pipeline``.

    ``pipeline | load | (fit, {"C": 0.5})`` builds stages from functions that nobody decorated: the
    upstream value comes first, then the items of the tuple; a trailing dict is keyword arguments.
    ``pipeline | files | load.map`` calls ``load`` for every item of the upstream value.
    """

    __slots__ = ()

    def __or__(self, step: Any) -> Stage:
        upstream = () if type(self) is Pipeline else (self,)
        function, *args = step if type(step) is tuple and step else (step,)
        kwargs = args.pop() if args and type(args[-1]) is dict else {}
        if not all(isinstance(each, str) for each in kwargs):
            raise GraphError(
                f"pipeline: {kwargs!r}: a trailing dict is keyword arguments, whose names are"
                " strings; add an empty dict behind it to pass it as a value"
            )
        return _stage(function, (*upstream, *args), kwargs)

    def join(self, upstreams: Sequence[Any], function: Any, *args: Any, **kwargs: Any) -> Stage:
        """Return a stage of *function* whose first arguments are the values of several stages."""
        return _stage(function, (*upstreams, *args), kwargs)

    def run(
        self, params: Mapping[str, Any] | None = None, /, job_name: str | None = None, **named: Any
    ) -> Deployment:
        """Submit the pipeline as a job and return its deployment at once.

        Args:
            params: Values of hyperparameters by name.
            job_name: What to call the job: letters, digits, ``.``, ``_`` and ``-``, at most 100;
                vcat makes a unique one where none is given.
            named: Values of hyperparameters; they win over *params*.

        Raises:
            GraphError: A hyperparameter is unknown or missing, or the graph has a cycle.
            ConfigError: A configuration file, or something it names, is wrong.
            UnpicklableError: A function or an argument cannot be sent.
            BundleError: The project directory cannot be bundled.
            BackendError: A store or the deployment refused.
        """
        return door.run(self._end(), dict(params or {}) | named, job_name)

    def run_same_process(self, params: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """Run the pipeline here and now, through the same engine and cache, and return its value.

        No job is made: nothing is bundled, archived or listed.

        Raises:
            GraphError: A hyperparameter is unknown or missing, or the graph has a cycle.
            StageError: A stage's function raised; the cause is chained.
        """
        return door.run_same_process(self._end(), dict(params or {}) | named)

    def _end(self) -> Stage:
        if type(self) is Pipeline:
            raise GraphError("pipeline has no stages yet; pipe a function into it: pipeline | load")
        return self  # type: ignore[return-value]  # the only other pipelines are stages


def _stage(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Stage:
    # A stage is a pipeline: imported when made.
    from vcat._authoring.stage import StageFunction, stage_function

    if getattr(function, "__func__", None) is StageFunction.map:
        mapped: Stage = function(*args, **kwargs)
        return mapped
    return stage_function(function)(*args, **kwargs)


#: The empty pipeline: ``pipeline | load | clean``.
pipeline = Pipeline()
