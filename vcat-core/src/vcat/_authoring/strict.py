"""What a promise of a value refuses to do, and what to do instead."""

from __future__ import annotations

from vcat.errors import GraphError


class Strict:
    """The base of stages and hyperparameters: nothing about their value can be asked yet.

    Each refusal names the promise and the remedy, because the usual mistake is to treat it as the
    value that only the running job will have.
    """

    __slots__ = ()

    def _refuse(self, what: str, instead: str) -> GraphError:
        return GraphError(f"{self!r} {what}: its value is known only when the job runs; {instead}")

    def __bool__(self) -> bool:
        raise self._refuse("has no truth value", "decide inside a stage that takes it as argument")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        raise self._refuse("cannot be compared", "compare inside a stage that takes it as argument")

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return id(self) >> 4

    def _compare(self, other: object) -> bool:  # noqa: ARG002  # the signature of a comparison
        raise self._refuse("cannot be compared", "compare inside a stage that takes it as argument")

    __lt__ = __le__ = __gt__ = __ge__ = _compare

    def __len__(self) -> int:
        raise self._refuse("has no length", "take the length inside a stage")

    def __contains__(self, item: object) -> bool:
        raise self._refuse("contains nothing yet", "search inside a stage")

    def _compute(self, *_: object, **__: object) -> object:
        raise self._refuse(
            "cannot be computed with", "do so inside a stage that takes it as argument"
        )

    # NumPy would take what it does not know for an object, and hand it back as its own sum.
    __array__ = __array_ufunc__ = __array_function__ = _compute

    def __reduce_ex__(self, protocol: object) -> str:
        raise self._refuse("cannot be pickled or copied", "pass it as an argument of a stage")

    def __getattr__(self, name: str) -> object:
        # Only reached for names that do not exist. Dunder look-ups are other libraries' questions
        # (`_repr_html_`, `__iter__`), to which "no" is the answer they understand.
        message = f"{type(self).__name__!r} object has no attribute {name!r}"
        if not name.startswith("_"):
            message = (
                f"{self!r} has no attribute {name!r}: its value is known only when the job runs;"
                f" read .{name} inside a stage that takes it as argument"
            )
        raise AttributeError(message)
