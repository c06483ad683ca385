"""Registries of made-up entry points."""

from __future__ import annotations

from pathlib import Path

import pytest

from vcat._plugins import configuration
from vcat._plugins.discovery import EntryPoint
from vcat._plugins.registry import Registry
from vcat.errors import ConfigError, PluginError

BUILTIN = EntryPoint("builtin", "vcat._plugins.builtin", "vcat-core", "0.1.0", "/site/core")
LOCALFS = EntryPoint("localfs", "fake_local", "vcat-backend-localfs", "0.1.0", "/site/localfs")


@pytest.fixture
def fakes():
    """The folder of made-up distributions."""
    return Path(__file__).parents[2] / "fakes"


@pytest.fixture
def registry(fakes, monkeypatch):
    """A registry in which stand-ins offer what the configuration falls back to."""
    monkeypatch.delenv("VCAT_CONFIG", raising=False)
    monkeypatch.syspath_prepend(str(fakes / "local"))
    return Registry([BUILTIN, LOCALFS])


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write a plugin module and return its entry point."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def write(name, source, distribution="vcat-acme", version="1.0"):
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
        return EntryPoint("acme", name, distribution, version, f"/site/{distribution}.dist-info")

    return write


@pytest.fixture
def load(tmp_path, registry):
    """Write configuration files and load them."""

    def write_and_load(*texts, **files):
        for number, text in enumerate(texts):
            files[f"{'abcdef'[number]}.config.yaml"] = text
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return configuration.load(str(tmp_path), registry)

    return write_and_load


@pytest.fixture
def refused(load):
    """Load what is refused and return the message."""

    def message(*texts, kind=ConfigError):
        with pytest.raises((ConfigError, PluginError)) as caught:
            load(*texts)
        assert type(caught.value) is kind
        return str(caught.value)

    return message
