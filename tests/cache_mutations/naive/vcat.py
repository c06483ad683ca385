"""What everybody writes first: a cache by source text and ``repr`` of the arguments.

It stands in for vcat under the same scripts, so that every case of the table is seen to be one that
such a key gets wrong. With ``NAIVE=wide`` the times of all files of the project are in the key too,
as in a makefile where everything depends on everything.
"""

import hashlib
import inspect
import os
import pickle

__all__ = ["Hyperparameter", "stage"]


class Hyperparameter:
    """A value that is given when the graph is run."""

    given = {}

    def __init__(self, name, default=None):
        self.name, self.default = name, default

    def value(self):
        return self.given.get(self.name, self.default)

    def __repr__(self):
        return repr(self.value())


class Call:
    """A call that is made when its value is asked for; as an argument, its key stands for it."""

    def __init__(self, function, args, kwargs, cache):
        self.function, self.args, self.kwargs, self.cache = function, args, kwargs, cache

    def __repr__(self):
        function = self.function
        for named in (function, getattr(function, "func", None), type(function)):
            try:
                source = inspect.getsource(named)
                break
            except (TypeError, OSError):
                source = type(function).__name__
        parts = [source, repr(self.args), repr(self.kwargs)]
        if os.environ["NAIVE"] == "wide":
            parts.append(repr(sorted(file_times())))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def value(self):
        path = os.path.join(".naive", repr(self))
        if self.cache is not False and os.path.exists(path):
            with open(path, "rb") as file:
                return pickle.load(file)
        value = self.function(*map(filled, self.args), **filled(self.kwargs))
        os.makedirs(".naive", exist_ok=True)
        with open(path, "wb") as file:
            pickle.dump(value, file)
        return value

    def run_same_process(self, **given):
        Hyperparameter.given = given
        return self.value()

    def run(self, **given):
        self.run_same_process(**given)
        return self

    def fetch_job_results(self):
        return self.value()


def filled(argument):
    if isinstance(argument, (Call, Hyperparameter)):
        return argument.value()
    if isinstance(argument, dict):
        return {key: filled(each) for key, each in argument.items()}
    if type(argument) in (list, tuple, set):
        return type(argument)(map(filled, argument))
    return argument


def file_times():
    for directory, names, files in os.walk("."):
        names[:] = [each for each in names if not each.startswith((".", "__pycache__"))]
        for name in files:
            path = os.path.join(directory, name)
            yield path, os.stat(path).st_mtime_ns


def stage(function=None, *, cache=None, **options):
    if function is None:
        return lambda decorated: stage(decorated, cache=cache)
    return lambda *args, **kwargs: Call(function, args, kwargs, cache)
