"""What a stage may return, and its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vcat._authoring.stage import Stage
from vcat._keeping.amount import say_count
from vcat._keeping.codec import check_readable, serialize
from vcat._running.holding import UNCHANGING
from vcat.errors import GraphError, VcatError

if TYPE_CHECKING:
    from vcat._keeping.layout import Serialized

#: How large a serialised value is read back at once to see that it can be.
_PROBE_SIZE = 1 << 20


def serialize_result(value: Any) -> Serialized:
    """Return *value* serialised, having seen that it can be read back where that costs little.

    Raises:
        UnpicklableError: It cannot be serialised, or not be read back.
    """
    data = serialize(value)
    if type(value) not in UNCHANGING and data.size <= _PROBE_SIZE:
        check_readable(data)
    return data


def check_result(value: Any, stage: Stage) -> Any:
    """Return *value* if a stage may return it.

    Raises:
        GraphError: It is a stage, or not as many values as were declared.
    """
    if isinstance(value, Stage):
        raise GraphError(
            f"{stage.label} returned {value!r}: stages are put together outside of functions;"
            f" inside one, call {value.name}.function(...)"
        )
    outputs = stage.options.outputs
    if outputs is None:
        return value
    try:
        count = len(value)
    except TypeError:
        raise GraphError(
            f"{stage.label} declares outputs={outputs} and returned {type(value).__name__}, which"
            " has no length; return a tuple"
        ) from None
    if count != outputs:
        values = say_count(count, "value")
        raise GraphError(f"{stage.label} declares outputs={outputs} and returned {values}")
    return value


def path_in_result(error: VcatError) -> str:
    """Return what an error says, as said of a result."""
    text = str(error)
    return f"result{text}" if text[:1] in "[. " else text
