"""The names of ``vcat``: which there are, which a star import brings, where others are."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import types
from pathlib import Path

import pytest

import vcat

_STAR = [
    "BackendError",
    "BundleError",
    "ConfigError",
    "GraphError",
    "Hyperparameter",
    "Pipeline",
    "RemoteException",
    "StageError",
    "UnknownJobError",
    "UnpicklableError",
    "VcatError",
    "get_job",
    "list_jobs",
    "log_artifact",
    "log_metric",
    "log_param",
    "pipeline",
    "set_tag",
    "stage",
    "stage_seed",
]


def test_all_is_exactly_what_scripts_use() -> None:
    """A name is added to `__all__` by decision: it lands in every script's namespace."""
    assert vcat.__all__ == _STAR


def test_all_is_a_literal() -> None:
    """`__all__` is static, so that type checkers and editors see what a star import brings."""
    source = Path(inspect.getfile(vcat)).read_text(encoding="utf-8")
    values = [
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]

    assert [ast.literal_eval(value) for value in values] == [_STAR]


def test_star_import_brings_no_module_and_no_plugin() -> None:
    """`from vcat import *` never shadows a user's `errors` or loads somebody's SDK."""
    namespace: dict[str, object] = {}
    exec("from vcat import *", namespace)  # a star import needs a module's level
    namespace.pop("__builtins__")

    assert sorted(namespace) == _STAR
    for name, value in namespace.items():
        assert not isinstance(value, types.ModuleType), name
        module = inspect.getmodule(value)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert module is not None
            assert module.__name__.split(".")[0] == "vcat", name


def test_every_public_class_and_function_is_documented_and_says_where_it_is() -> None:
    """Tracebacks, `help` and pickles show the public path, not a private wing."""
    for name in vcat.__all__:
        value = getattr(vcat, name)
        assert inspect.getdoc(value), name
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__module__ in ("vcat", "vcat.errors"), name


@pytest.mark.parametrize(
    "name",
    [
        "LocalFileSystemCacheBackend",
        "LocalFileSystemPipelineArchive",
        "LocalFileSystemPipelineListing",
        "LocalShellJobDeployment",
        "NullCacheBackend",
    ],
)
def test_backends_of_installed_plugins_are_importable_from_vcat(name: str) -> None:
    """`from vcat import LocalFileSystemCacheBackend` is the class that the YAML name stands for."""
    code = f"from vcat import {name}; print({name}.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == (f"{name}\n", "")


def test_a_lower_case_name_never_reaches_the_plugins() -> None:
    """`from vcat import records` asks the module's `__getattr__` first: no plugin is loaded."""
    code = (
        "import sys, vcat\n"
        "try: vcat.nonexistent\n"
        "except AttributeError as error: print(error)\n"
        "from vcat import records\n"
        "print('vcat._plugins.registry' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "module 'vcat' has no attribute 'nonexistent'\nFalse\n"


def test_an_unknown_class_name_is_an_attribute_error() -> None:
    """`hasattr(vcat, "Nonexistent")` is a question, and the answer is no."""
    assert not hasattr(vcat, "Nonexistent")


def test_what_a_retry_on_may_name_is_among_the_errors() -> None:
    """The end of a worker is where all exceptions are, and where backends look for it."""
    from vcat import abc, errors

    assert errors.WorkerEndedError is abc.WorkerEndedError
    assert errors.WorkerEndedError.__module__ == "vcat.errors"
    assert issubclass(errors.WorkerEndedError, errors.VcatError)
    vcat.stage(len, retry_on=(OSError, errors.WorkerEndedError))
