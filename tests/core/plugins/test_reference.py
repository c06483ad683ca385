"""Object references."""

from __future__ import annotations

import json
import zlib

import pytest

from vcat._plugins import reference
from vcat.abc import CacheBackend
from vcat.errors import PluginError


def _message(call, *arguments):
    with pytest.raises(PluginError) as caught:
        call(*arguments)
    return str(caught.value)


def test_a_reference_leads_to_the_object():
    """The part after the colon may lead through classes."""
    assert reference.resolve("json:JSONDecoder") is json.JSONDecoder
    assert reference.resolve("json.decoder:JSONDecoder.decode") is json.JSONDecoder.decode


@pytest.mark.parametrize(
    "text", ["json", "json:", ":x", "a:b:c", "../x:y", "a b:c", "os:a-b", "a..b:c"]
)
def test_what_is_no_reference_is_refused_without_importing(text):
    """Only the entry-point syntax counts."""
    expected = f"{text!r} is not an object reference, expected 'package.module:Class'"
    assert _message(reference.resolve, text) == expected


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise ImportError", "ImportError"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
    ],
)
def test_whatever_an_import_raises_is_one_error(source, reason, plugin):
    """A foreign module may raise anything, and may even call sys.exit()."""
    name = f"reference_{zlib.crc32(source.encode())}"
    plugin(name, source)
    assert _message(reference.resolve, f"{name}:X") == f"cannot import {name!r}: {reason}"


def test_ctrl_c_during_an_import_is_ctrl_c(plugin):
    """Only what the module did is turned into an error, not what the user did."""
    plugin("reference_interrupted", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        reference.resolve("reference_interrupted:X")


def test_a_missing_name_is_answered_with_the_nearest():
    """A misspelt class is found at a glance."""
    expected = "module 'json' has no 'JSONDecodr'; did you mean 'JSONDecoder'?"
    assert _message(reference.resolve, "json:JSONDecodr") == expected
    assert _message(reference.resolve, "json:Quux") == "module 'json' has no 'Quux'"


def test_only_complete_subclasses_fill_a_role(registry):
    """What a backend lacks is said when its name is resolved, not in the middle of a job."""
    stores = reference.import_module("fake_stores")

    def refusal(name):
        found = getattr(stores, name)
        return _message(reference.backend_class, found, CacheBackend, repr(name))

    assert reference.backend_class(stores.Store, CacheBackend, "x") is stores.Store
    assert refusal("function") == (
        "'function' is not a class but a function, expected a subclass of vcat.abc.CacheBackend"
    )
    assert refusal("NotABackend") == "'NotABackend' is not a subclass of vcat.abc.CacheBackend"
    assert refusal("AbstractStore") == (
        "'AbstractStore' does not define 'put', which vcat.abc.CacheBackend asks for"
    )


def test_a_class_without_an_importable_name_has_no_reference():
    """A job in another process could not import it."""

    class Local:
        pass

    assert reference.reference_of(json.JSONDecoder) == "json.decoder:JSONDecoder"
    assert _message(reference.reference_of, Local) == (
        f"class {Local.__qualname__!r} of module {__name__!r} is defined inside a function,"
        " where a job cannot import it; move it to the top level of its module"
    )


def test_a_long_explanation_is_cut():
    """A message stays readable whatever a library writes into its exceptions."""
    assert reference.explain(ValueError("x" * 1000)) == f"ValueError: {'x' * 300}..."
    assert reference.explain(ValueError()) == "ValueError"
