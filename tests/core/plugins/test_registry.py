"""From type strings to classes."""

from __future__ import annotations

import subprocess
import sys
import threading
import types
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from vcat._plugins import discovery, registry
from vcat._plugins.discovery import EntryPoint
from vcat._plugins.in_process import InProcessExecutor
from vcat._plugins.null_cache import NullCacheBackend
from vcat._plugins.registry import Registry
from vcat.errors import PluginError, UnknownTypeError

BUILTIN = EntryPoint("builtin", "vcat._plugins.builtin", "vcat-core", "0.1.0", "/site/core")

HOOK = "from vcat.hookspecs import hookimpl\n@hookimpl\n"


def _message(kind, call, *arguments):
    with pytest.raises(kind) as caught:
        call(*arguments)
    assert type(caught.value) is kind
    return str(caught.value)


@pytest.fixture
def found(fakes, monkeypatch):
    """The registry of some folders of made-up distributions."""

    def build(*names):
        for name in names:
            monkeypatch.syspath_prepend(str(fakes / name))
        return Registry(discovery.scan([str(fakes / name) for name in names]))

    return build


def test_every_role_has_its_door(registry):
    """A registered name leads to the class of its role, whether given as class or reference."""
    assert registry.cache_type("vcat.LocalFileSystemCacheBackend").__module__ == "fake_local"
    assert registry.archive_type("vcat.LocalFileSystemPipelineArchive").__module__ == "fake_local"
    assert registry.listing_type("vcat.LocalFileSystemPipelineListing").__module__ == "fake_local"
    assert registry.deployment_type("vcat.LocalShellJobDeployment").__module__ == "fake_local"
    assert registry.executor_type("vcat.InProcessExecutor") is InProcessExecutor


def test_the_builtin_classes_do_what_they_say():
    """The null cache never finds anything, the executor is a call."""
    registry = Registry([BUILTIN])
    cache = registry.cache_type("vcat.NullCacheBackend")()
    cache.put("k", b"v")
    assert (cache.get("k"), cache.contains("k")) == (None, False)
    executor = registry.executor_type("vcat.InProcessExecutor")()
    assert executor.open(b"") is None
    assert NullCacheBackend() == cache


def test_nothing_is_imported_before_a_name_is_asked_for(fakes):
    """Building a registry is free, and a reference is imported only for its own name."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from vcat._plugins import discovery, registry;"
        "found = registry.Registry(discovery.scan([sys.argv[1]]));"
        "print('fake_local' in sys.modules, 'vcat._plugins.null_cache' in sys.modules);"
        "core = registry.Registry([discovery.EntryPoint("
        "'builtin', 'vcat._plugins.builtin', 'vcat-core', '1', '/')]);"
        "core.executor_type('vcat.InProcessExecutor');"
        "print('vcat._plugins.null_cache' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, fakes / "local"], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "False False\nFalse\n"


def test_an_unknown_name_is_answered_with_what_there_is(registry):
    """A typo shows the nearest name and the whole list."""
    assert _message(UnknownTypeError, registry.cache_type, "vcat.LocalFilesystemCacheBackend") == (
        "no cache type 'vcat.LocalFilesystemCacheBackend';"
        " did you mean 'vcat.LocalFileSystemCacheBackend'?"
        " Installed: vcat.LocalFileSystemCacheBackend, vcat.NullCacheBackend"
    )
    assert _message(UnknownTypeError, registry.cache_type, "vcat.S3CacheBackend") == (
        "no cache type 'vcat.S3CacheBackend';"
        " installed: vcat.LocalFileSystemCacheBackend, vcat.NullCacheBackend"
    )
    assert _message(UnknownTypeError, Registry([]).cache_type, "x") == "no cache type 'x'"


@pytest.mark.parametrize(
    "name", ["os", "a.b.C", "../x", "VCAT.NULLCACHEBACKEND", "NullCacheBackend", ""]
)
def test_names_are_exact(name):
    """There is no case folding, no prefixing and no import of what merely looks like a path."""
    with pytest.raises(UnknownTypeError):
        Registry([BUILTIN]).cache_type(name)


def test_a_name_of_another_role_is_recognised(registry):
    """Somebody who puts the listing where the cache belongs is told so."""
    assert _message(
        UnknownTypeError, registry.cache_type, "vcat.LocalFileSystemPipelineListing"
    ) == (
        "no cache type 'vcat.LocalFileSystemPipelineListing'; it is a listing type;"
        " installed: vcat.LocalFileSystemCacheBackend, vcat.NullCacheBackend"
    )


def test_a_well_known_name_says_what_to_install():
    """The remedy for a plugin that is not there is one command."""
    core = Registry([BUILTIN])
    assert _message(UnknownTypeError, core.cache_type, "vcat.LocalFileSystemCacheBackend") == (
        "no cache type 'vcat.LocalFileSystemCacheBackend'; its plugin is not installed,"
        " run: pip install vcat-backend-localfs; installed: vcat.NullCacheBackend"
    )
    assert _message(UnknownTypeError, core.deployment_type, "vcat.LocalShellJobDeployment") == (
        "no deployment type 'vcat.LocalShellJobDeployment'; its plugin is not installed,"
        " run: pip install vcat-deploy-localshell"
    )


def test_a_plugin_that_fails_to_import_is_named_where_it_is_missed(found):
    """The cause is the import that failed, three levels down, and not the one that was tried."""
    broken = found("broken")
    assert _message(UnknownTypeError, broken.cache_type, "fake.CloudCacheBackend") == (
        "no cache type 'fake.CloudCacheBackend'; plugin vcat-fake-broken:broken 0.3.1 is installed"
        " but fails to import: No module named 'fake_missing_cloud'"
    )


def test_a_well_known_plugin_that_is_broken_is_not_to_be_installed_again(plugin):
    """What is installed already is not missing; why it fails is what counts."""
    broken = plugin("acme_localfs", "import fake_missing_sdk", "Vcat_Backend.localfs", "0.2")
    message = _message(
        UnknownTypeError, Registry([broken]).cache_type, "vcat.LocalFileSystemCacheBackend"
    )
    assert message == (
        "no cache type 'vcat.LocalFileSystemCacheBackend'; plugin Vcat_Backend.localfs:acme 0.2"
        " is installed but fails to import: No module named 'fake_missing_sdk'"
    )


def test_a_broken_plugin_disturbs_nobody_else(found):
    """Other names resolve as if it were not there."""
    both = found("broken", "good")
    assert both.cache_type("fake.MemoryCacheBackend").__module__ == "fake_good"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise SystemExit('no licence')", "fails to import: SystemExit: no licence"),
        ("import sys\nsys.exit()", "fails to import: SystemExit"),
        ("def f(:", "fails to import: SyntaxError: invalid syntax"),
        (
            HOOK + "def vcat_scheduler_types():\n return {}",
            "is disabled: this vcat-core has no hook 'vcat_scheduler_types'; upgrade vcat-core",
        ),
        (
            HOOK + "def vcat_cache_types(surplus):\n return {}",
            "is refused: PluginValidationError: ",
        ),
        (
            HOOK + "def vcat_cache_types():\n raise SystemExit('too late')",
            "is disabled: its vcat_cache_types raised SystemExit: too late",
        ),
        (
            HOOK + "def vcat_cache_types():\n return ['vcat.X']",
            "is disabled: its vcat_cache_types returned a list, expected a mapping",
        ),
        (
            HOOK + "def vcat_cache_types():\n return {'acme.X': 3}",
            (
                "is disabled: its vcat_cache_types returned 'acme.X': 3,"
                " expected a type string and a class or an object reference"
            ),
        ),
    ],
)
def test_a_faulty_plugin_is_disabled_and_says_why(source, error, plugin):
    """Whatever is wrong with a plugin, its neighbours work and it is listed with the reason."""
    name = f"acme_{zlib.crc32(source.encode())}"
    both = Registry([plugin(name, source), BUILTIN])
    assert both.executor_type("vcat.InProcessExecutor") is InProcessExecutor
    message = _message(UnknownTypeError, both.cache_type, "acme.X")
    assert f"plugin vcat-acme:acme 1.0 is installed but {error}" in message
    (faulty, builtin) = both.plugins()
    assert faulty.error.startswith(error)
    assert faulty.types == {}
    assert builtin.error is None


def test_a_hook_marked_optional_may_be_unknown(plugin):
    """A plugin can serve older and newer cores at once."""
    source = (
        "from vcat.hookspecs import hookimpl\n"
        "@hookimpl(optionalhook=True)\ndef vcat_scheduler_types():\n return {}\n"
        "@hookimpl\ndef vcat_cache_types():\n"
        " return {'acme.Null': 'vcat._plugins.null_cache:NullCacheBackend'}\n"
    )
    acme = Registry([plugin("acme_optional", source)])
    assert acme.cache_type("acme.Null") is NullCacheBackend


def test_ctrl_c_while_plugins_load_is_ctrl_c(plugin):
    """The user is obeyed, and a second try begins again."""
    entry_point = plugin("acme_interrupt", "raise KeyboardInterrupt")
    acme = Registry([entry_point])
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            acme.cache_type("acme.X")


def test_two_distributions_that_offer_one_name_are_an_error(found, fakes):
    """Path order must not decide in silence which code runs; the other names still work."""
    both = found("good", "duplicate")
    assert _message(PluginError, both.cache_type, "fake.MemoryCacheBackend") == (
        "cache type 'fake.MemoryCacheBackend' is offered by vcat-fake-good:good 1.2"
        f" ({fakes}/good/vcat_fake_good-1.2.dist-info) and by vcat-fake-duplicate:duplicate 0.9"
        f" ({fakes}/duplicate/vcat_fake_duplicate-0.9.dist-info); uninstall all but one"
    )
    assert both.cache_type("fake.LazyCacheBackend").__module__ == "fake_good"


def test_two_distributions_of_one_module_are_an_error_too(found):
    """A renamed copy of a distribution is a second one, even if it brings the same module."""
    (point,) = found("good")._entry_points
    other = EntryPoint("good", "fake_good", "vcat-renamed", "1.0", "/site/renamed")
    message = _message(PluginError, Registry([point, other]).cache_type, "fake.LazyCacheBackend")
    assert "vcat-fake-good:good 1.2" in message
    assert "vcat-renamed:good 1.0 (/site/renamed)" in message


def test_a_distribution_seen_twice_counts_once(found):
    """An editable install beside a wheel is the same plugin, however its name is spelt."""
    twice = found("good", "copy")
    assert twice.cache_type("fake.MemoryCacheBackend").__module__ == "fake_good"
    assert len(twice.plugins()) == 1
    (point,) = twice._entry_points
    spelt = EntryPoint(point.name, point.value, "Vcat_Fake.Good", "1.1", "/elsewhere")
    assert len(Registry([point, spelt]).plugins()) == 1


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (
            "'fake_stores:NotABackend'",
            "'fake_stores:NotABackend' is not a subclass of vcat.abc.CacheBackend",
        ),
        ("'fake_stores:Missing'", "module 'fake_stores' has no 'Missing'"),
        ("'fake_missing:X'", "cannot import 'fake_missing': No module named 'fake_missing'"),
        (
            "'fake_stores'",
            "'fake_stores' is not an object reference, expected 'package.module:Class'",
        ),
    ],
)
def test_an_offer_that_leads_nowhere_names_its_plugin(registry, plugin, target, reason):
    """The author of the plugin, not its user, has something to mend."""
    name = f"acme_offer_{len(reason)}"
    source = HOOK + f"def vcat_cache_types():\n return {{'acme.X': {target}}}"
    acme = Registry([plugin(name, source)])
    assert _message(PluginError, acme.cache_type, "acme.X") == (
        f"cache type 'acme.X' of plugin vcat-acme:acme 1.0 cannot be used: {reason}"
    )


def test_plugins_are_described(registry):
    """Everything ``vcat plugins`` prints is here."""
    core, local = registry.plugins()
    assert (core.distribution, core.entry_point, core.version) == ("vcat-core", "builtin", "0.1.0")
    assert core.module == "vcat._plugins.builtin"
    assert core.hooks == ("vcat_cache_types", "vcat_executor_types")
    assert core.types == {
        "cache": ("vcat.NullCacheBackend",),
        "executor": ("vcat.InProcessExecutor", "vcat.ProcessPoolExecutor"),
    }
    assert (core.path, core.error) == ("/site/core", None)
    assert set(local.types) == {"cache", "archive", "listing", "deployment"}


def test_types_of_vcat_are_exported_under_their_names(registry):
    """``vcat.X`` in YAML is ``vcat.X`` in Python."""
    assert registry.exported("NullCacheBackend") is NullCacheBackend
    assert registry.exported("LocalFileSystemPipelineArchive").__module__ == "fake_local"
    assert _message(AttributeError, registry.exported, "Nothing") == (
        "module 'vcat' has no attribute 'Nothing'"
    )
    assert _message(AttributeError, Registry([]).exported, "LocalShellJobDeployment") == (
        "module 'vcat' has no attribute 'LocalShellJobDeployment';"
        " it comes with vcat-deploy-localshell"
    )


def test_a_plugin_that_imports_from_vcat_while_loading_is_told_so(plugin, monkeypatch):
    """Otherwise a second loading would begin inside the first."""
    source = (
        "from vcat._plugins.registry import installed\ninstalled().exported('NullCacheBackend')"
    )
    acme = Registry([plugin("acme_recursive", source), BUILTIN])
    monkeypatch.setattr(registry, "installed", lambda: acme)
    assert acme.exported("NullCacheBackend") is NullCacheBackend
    assert acme.plugins()[0].error == (
        "fails to import: a backend was imported from vcat while the plugins were being loaded;"
        " import it from the package that defines it"
    )


def test_threads_wait_for_the_plugins_to_load(plugin):
    """Only a plugin that asks while it loads is at fault, not a second thread."""
    module = (
        "import acme_gate\n"
        "acme_gate.begun.set()\n"
        "assert acme_gate.asked.wait(60)\n" + HOOK + "def vcat_cache_types():\n"
        " return {'acme.Null': 'vcat._plugins.null_cache:NullCacheBackend'}\n"
    )
    entry_point = plugin("acme_slow", module)
    gate = types.ModuleType("acme_gate")
    gate.begun, gate.asked = threading.Event(), threading.Event()
    sys.modules["acme_gate"] = gate
    acme = Registry([entry_point])
    lock = acme._lock

    class Watched:
        def __enter__(self):
            if gate.begun.is_set():
                gate.asked.set()  # the second thread stands at the lock
            return lock.__enter__()

        def __exit__(self, *details):
            return lock.__exit__(*details)

    acme._lock = Watched()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(acme.cache_type, "acme.Null")
        assert gate.begun.wait(60)
        second = threads.submit(acme.cache_type, "acme.Null")
        assert first.result() is second.result() is NullCacheBackend
    del sys.modules["acme_gate"]


def test_the_registry_of_the_environment_is_one():
    """It is built once, and knows what vcat-core registers like anybody."""
    assert registry.installed() is registry.installed()
    assert registry.installed().cache_type("vcat.NullCacheBackend") is NullCacheBackend
