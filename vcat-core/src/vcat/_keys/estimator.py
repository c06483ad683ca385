"""Estimators of scikit-learn and of those who derive from it, taken apart."""

from __future__ import annotations

from typing import Any

from vcat._keys.pieces import Pieces, attributes


def open_estimator(kind: type, value: Any) -> Pieces | None:
    """Take an estimator apart: class, parameters and fitted state; ``None`` if it pickles itself.

    The order in which attributes were set says nothing of an estimator, and the version that its
    state names is that of the distribution, which counts with the class.
    """
    import sklearn.base

    plain = sklearn.base.BaseEstimator
    if any(
        getattr(kind, name) is not getattr(plain, name)
        for name in ("__reduce__", "__reduce_ex__", "__getstate__")
    ):
        return None
    state = value.__getstate__()
    if type(state) is not dict:
        return None
    items = [(name, state[name]) for name in sorted(state) if name != "_sklearn_version"]
    return Pieces("estimator", (kind, attributes(items)), mutable=True)
