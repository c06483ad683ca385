"""All source files of a project, for code that may reach any of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from hashlib import sha256

from vcat._keys.file import digest_path
from vcat._keys.scalar import length

#: What `statsmodels.formula.api` has: its formulas call functions of their callers.
_FORMULAS = (
    "conditional_logit",
    "conditional_mnlogit",
    "conditional_poisson",
    "gee",
    "glm",
    "glmgam",
    "gls",
    "glsar",
    "logit",
    "mixedlm",
    "mnlogit",
    "negativebinomial",
    "nominal_gee",
    "ols",
    "ordinal_gee",
    "phreg",
    "poisson",
    "probit",
    "quantreg",
    "rlm",
    "wls",
)

#: Functions and objects that lead to code by a name which is only known when they run.
DYNAMIC = frozenset(
    {
        "builtins.__builtins__",
        "builtins.__import__",
        "builtins.eval",
        "builtins.exec",
        "builtins.globals",
        "importlib.__import__",
        "importlib.import_module",
        "importlib.machinery.SourceFileLoader",
        "importlib.metadata.entry_points",
        "importlib.reload",
        "importlib.util.find_spec",
        "importlib.util.module_from_spec",
        "importlib.util.spec_from_file_location",
        "importlib_metadata.entry_points",
        "inspect.currentframe",
        "inspect.stack",
        "pkgutil.get_loader",
        "pkgutil.iter_modules",
        "pkgutil.resolve_name",
        "pkgutil.walk_packages",
        "pydoc.locate",
        "runpy.run_module",
        "runpy.run_path",
        "sys._getframe",
        "sys.modules",
        "unittest.mock.patch",
        # What is read from a pickle may be objects of any class.
        "_pickle.Unpickler",
        "_pickle.load",
        "_pickle.loads",
        "cloudpickle.load",
        "cloudpickle.loads",
        "dill._dill.load",
        "dill._dill.loads",
        "dill.load",
        "dill.loads",
        "joblib.load",
        "joblib.numpy_pickle.load",
        "pandas.io.pickle.read_pickle",
        "pandas.read_pickle",
        "pickle.Unpickler",
        "pickle.load",
        "pickle.loads",
        "shelve.open",
        "torch.load",
        "torch.serialization.load",
        # Texts in which names of the caller's globals may stand; where a library defines a function
        # elsewhere, it has that name too.
        "_duckdb.connect",
        "_duckdb.execute",
        "_duckdb.from_query",
        "_duckdb.query",
        "_duckdb.sql",
        "duckdb._relation.module_query_df",
        "duckdb._relation.module_sql",
        "duckdb.connect",
        "duckdb.duckdb.connect",
        "duckdb.duckdb.execute",
        "duckdb.duckdb.from_query",
        "duckdb.duckdb.query",
        "duckdb.duckdb.sql",
        "duckdb.execute",
        "duckdb.from_query",
        "duckdb.query",
        "duckdb.query_df",
        "duckdb.sql",
        "numexpr.evaluate",
        "numexpr.necompiler.evaluate",
        "numexpr.necompiler.re_evaluate",
        "numexpr.re_evaluate",
        "pandas.core.computation.eval.eval",
        "pandas.eval",
        "pandasql.sqldf",
        "pandasql.sqldf.sqldf",
        "patsy.dmatrices",
        "patsy.dmatrix",
        "patsy.highlevel.dmatrices",
        "patsy.highlevel.dmatrix",
        "polars.SQLContext",
        "polars.sql",
        "polars.sql.context.SQLContext",
        "polars.sql.functions.sql",
        "statsmodels.base.model.Model.from_formula",
        *(f"statsmodels.formula.api.{each}" for each in _FORMULAS),
        # Source text is code, comments and all; annotations and docstrings count nowhere else.
        "inspect.get_annotations",
        "inspect.getdoc",
        "inspect.getsource",
        "inspect.getsourcelines",
        "typing.get_type_hints",
    }
)

_SUFFIXES = (".py", ".pyw", ".so", ".pyd")
_NONE: Mapping[str, str] = {}
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})


def digest_sources(project: str, beside: Mapping[str, str] = _NONE) -> bytes:
    """Return the digest of the names and contents of all source files below *project*.

    Hidden directories and virtual environments are left out.

    Args:
        project: The project's directory.
        beside: Files and directories elsewhere that are part of the project, by a name that is the
            same wherever they lie.
    """
    found = [(os.path.relpath(path, project), path) for path in _files(project)]
    for name, place in sorted(beside.items()):
        paths = _files(place) if os.path.isdir(place) else [place]
        found += [(f"{name}:{os.path.relpath(path, place)}", path) for path in paths]
    return _digest(found)


def digest_files(place: str) -> bytes:
    """Return the digest of a library: all files of it, but what Python makes of its sources."""
    paths = _files(place, suffixes="") if os.path.isdir(place) else [place]
    return _digest([(os.path.relpath(path, place), path) for path in paths])


def _digest(files: Sequence[tuple[str, str]]) -> bytes:
    out = sha256(b"sources" + length(len(files)))
    for name, path in files:
        data = os.fsencode(name)
        out.update(length(len(data)) + data + bytes.fromhex(digest_path(path)))
    return out.digest()


def _files(root: str, suffixes: str | tuple[str, ...] = _SUFFIXES) -> list[str]:
    found = []
    for directory, names, files in os.walk(root):
        if "pyvenv.cfg" in files:
            names.clear()
            continue
        names[:] = sorted(n for n in names if not n.startswith(".") and n not in _SKIPPED)
        found += [os.path.join(directory, f) for f in sorted(files) if f.endswith(suffixes)]
    # Editors mark what is being edited by links to nowhere that end like it.
    return [each for each in found if os.path.isfile(each)]
