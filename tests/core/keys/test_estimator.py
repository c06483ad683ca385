"""Estimators of scikit-learn: parameters and fitted state count, not how they came about."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from vcat._keys.code import CodeDigester
from vcat._keys.value import digest as plain_digest

CODE = CodeDigester("/nowhere")
X = np.random.default_rng(0).random((60, 4))
Y = (X[:, 0] > 0.5).astype(int)


class Own(BaseEstimator):
    def __init__(self, rate=1):
        self.rate = rate


class Plain:
    def __init__(self, rate=1):
        self.rate = rate


def digest(value):
    """Return the digest of *value*; classes count by their code."""
    return plain_digest(value, CODE)


def estimators():
    """Return estimators, all built anew, of which no two are the same."""
    return [
        LogisticRegression(),
        LogisticRegression(C=0.5),
        StandardScaler(),
        RandomForestClassifier(5, random_state=0),
        RandomForestClassifier(5, random_state=np.random.RandomState(0)),
        HistGradientBoostingClassifier(max_iter=3, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), LogisticRegression(C=0.5)),
        ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", OneHotEncoder(), [2, 3])]),
        Own(),
        Own(2),
        Plain(),
    ]


def fitted(estimator):
    """Return *estimator*, fitted if it can be."""
    return estimator.fit(X.round(1), Y) if hasattr(estimator, "fit") else estimator


@pytest.mark.slow
def test_no_two_estimators_have_one_digest():
    """Class, parameters and whether and to what it was fitted tell estimators apart."""
    values = [*estimators(), *[fitted(each) for each in estimators()[:-3]]]
    found = [digest(each) for each in values]
    assert len(set(found)) == len(found)
    assert digest(LogisticRegression().fit(X, Y)) != digest(LogisticRegression().fit(X, 1 - Y))


@pytest.mark.slow
def test_an_estimator_built_twice_has_one_digest():
    """Fitting equal ones to equal data, copying and pickling change nothing."""
    for one, other in zip(map(fitted, estimators()), map(fitted, estimators()), strict=True):
        copied = copy.deepcopy(one)
        assert digest(one) == digest(other) == digest(copied), one
        assert digest(pickle.loads(pickle.dumps(one))) == digest(one), one


def test_the_way_to_a_state_does_not_count():
    """Parameters set later, in any order, and a fit that another one followed do not show."""
    late = LogisticRegression().set_params(tol=1e-3, C=0.5)
    assert digest(late) == digest(LogisticRegression(C=0.5, tol=1e-3))
    again = StandardScaler().fit(X * 2).fit(X)
    again.mean_ = again.__dict__.pop("mean_")
    assert digest(again) == digest(StandardScaler().fit(X))


def test_the_version_counts_once(monkeypatch):
    """What the state says of it is left out: it counts with the class, as of any library."""
    before = digest(LogisticRegression())
    monkeypatch.setattr(sklearn.base, "__version__", "0.0")
    assert LogisticRegression().__getstate__()["_sklearn_version"] == "0.0"
    assert digest(LogisticRegression()) == before
