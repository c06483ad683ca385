"""One call of a stage's function: within its time, and its result checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vcat._running.result import check_result

if TYPE_CHECKING:
    from vcat._authoring.options import StageOptions
    from vcat._authoring.stage import Stage


def attempt(stage: Stage, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the function of *stage* and return its value.

    Raises:
        BaseException: Whatever the function raises.
        TimeoutError: It took longer than it may.
        GraphError: It returned what no stage can.
    """
    timeout = stage.options.timeout
    if timeout is None:
        value = stage.function(*args, **kwargs)
    else:
        from vcat._running.timeout import limited  # signals and threads cost start-up

        with limited(timeout):
            value = stage.function(*args, **kwargs)
    return check_result(value, stage)


def is_worth_another(error: BaseException, options: StageOptions, attempts: int) -> bool:
    """Return whether a stage that failed is called again; *attempts* counts the calls so far."""
    return attempts <= options.retries and isinstance(error, options.retry_on)
