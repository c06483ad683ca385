"""`vcat plugins`."""

from __future__ import annotations

import json
import os

from vcat._plugins.registry import PluginInfo


def test_installed_plugins_are_listed_with_their_types(command):
    """Each type string that a configuration may name is a line with where it comes from."""
    ended = command("plugins")
    assert ended.code == 0
    rows = [line.split() for line in ended.out.splitlines()]
    assert rows[0] == ["DISTRIBUTION", "VERSION", "ENTRY", "POINT", "ROLE", "TYPE"]
    offered = ["cache", "vcat.LocalFileSystemCacheBackend"]
    assert ["vcat-backend-localfs", "0.1.0", "localfs", *offered] in rows
    assert ["vcat-core", "0.1.0", "builtin", "cache", "vcat.NullCacheBackend"] in rows


def test_json_has_types_by_role(command):
    """`--json` is an array of objects, one for each plugin."""
    plugins = {each["distribution"]: each for each in json.loads(command("plugins", "--json").out)}
    localfs = plugins["vcat-backend-localfs"]
    assert localfs["types"]["listing"] == ["vcat.LocalFileSystemPipelineListing"]
    assert localfs["error"] is None
    assert set(localfs) == set(PluginInfo._fields)


def test_a_broken_plugin_is_named_with_the_reason(process, tmp_path):
    """A plugin whose import fails is told apart and stops nothing; what it prints is not listed."""
    site = tmp_path / "site"
    metadata = site / "vcat_broken-0.3.1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: vcat-broken\nVersion: 0.3.1\n")
    (metadata / "entry_points.txt").write_text("[vcat]\nbroken = vcat_broken\n")
    (site / "vcat_broken.py").write_text("print('noise')\nimport no_such_sdk\n")
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    ended = process("plugins", env=environment)
    assert ended.code == 0
    assert ended.out.splitlines()[-2:] == [
        "",
        "broken: vcat-broken:broken 0.3.1 fails to import: No module named 'no_such_sdk'",
    ]
    assert "noise" not in ended.out
    listed = json.loads(process("plugins", "--json", env=environment).out)
    (broken,) = [each for each in listed if each["error"] is not None]
    assert broken["distribution"] == "vcat-broken"
    assert process("ls", env=environment).code == 0
