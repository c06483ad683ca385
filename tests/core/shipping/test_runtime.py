"""The parts that let a bare Python run the job."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from vcat._shipping.bundling import distribution as distribution_module
from vcat._shipping.bundling.bundle import remove
from vcat._shipping.bundling.distribution import find_distributions
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.runtime import add_runtime
from vcat.errors import BundleError


def test_vcat_travels_with_what_it_requires(add, packed):
    """Both parts have all it takes, metadata included, and nothing compiled by a C compiler."""
    files, runtime, _ = add("vcat-core")
    sources = packed(files)
    assert {"vcat/abc/store.py", "vcat/_shipping/launcher/run.sh"} <= set(sources)
    assert {"requirements/dill/__init__.py", "requirements/yaml/__init__.py"} <= set(files)
    metadata = [each for each in files if each.endswith(".dist-info/METADATA")]
    assert len(metadata) >= 6
    assert any(each.endswith("entry_points.txt") for each in files)
    assert not [
        each for each in files if each.endswith((".so", ".pyd", "direct_url.json", "RECORD"))
    ]
    assert not [each for each in sources if each.startswith("vcat/testing/")]
    assert [each.info.name for each in runtime.parts] == ["runtime", "requirements"]
    assert runtime.modules == ["vcat"]
    assert "dill/__init__.py" in runtime.provides


def test_a_bare_python_imports_it(add, tmp_path):
    """Without anything installed, vcat and every requirement can be imported from the parts."""
    files, _, _ = add("vcat-core")
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    names = ["dill", "yaml", "pluggy", "pathspec", "importlib_metadata", "vcat", "vcat.hookspecs"]
    code = (
        f"import sys; here = {str(tmp_path)!r}\n"
        "sys.path += [here + '/runtime', here + '/requirements']\n"
        f"import importlib; [importlib.import_module(each) for each in {names!r}]\n"
        "import importlib_metadata; print(importlib_metadata.version('vcat-core'))\n"
        "import vcat; print(vcat.__file__, vcat.__spec__.cached)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert f"{tmp_path}/runtime/vcat/__init__.py" in done.stdout


def test_equal_runtimes_are_equal_bytes(add, tmp_path):
    """Made anew, by a process with another hash seed and history, the parts are the same bytes."""
    code = (
        "import hashlib, os, sys; from vcat._shipping.bundling.output import Output\n"
        "from vcat._shipping.bundling.runtime import add_runtime\n"
        "output = Output(sys.argv[1]); add_runtime(('vcat-core',), output)\n"
        "print(hashlib.sha256(os.pread(output.fd, 1 << 30, 0)).hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", before + code, str(tmp_path / f"out{seed}")],
            env=os.environ
            | {"PYTHONHASHSEED": seed, "XDG_CACHE_HOME": str(tmp_path / f"cache{seed}")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, before in (
            ("1", ""),
            ("2", "import asyncio, dill, vcat._shipping.bundling.bundle\n"),
        )
    }
    assert len(digests) == 1


def test_the_second_time_it_is_copied(add, monkeypatch):
    """While nothing has changed, no metadata is read."""
    first = add("vcat-core")
    monkeypatch.setattr(distribution_module, "find_distributions", None)
    assert add("vcat-core") == first


def test_copying_imports_nothing_heavy(add, tmp_path):
    """The way every submission takes costs none of the modules that made the parts."""
    add("vcat-core")
    code = (
        "import sys; from vcat._shipping.bundling.output import Output\n"
        "from vcat._shipping.bundling.runtime import add_runtime\n"
        "add_runtime(('vcat-core',), Output(sys.argv[1]))\n"
        "heavy = {'importlib_metadata', 'importlib.metadata', 'isal', 'dill', 'yaml', 'logging',"
        " 'tempfile', 'subprocess', 'shutil', 'tarfile', 'pathspec', 'pluggy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("change", ["content", "new file", "removed"])
def test_a_change_of_a_plugin_is_seen(add, packed, installed, change):
    """A distribution that was edited travels as it is now."""
    site = installed("acme-vcat", {"acme/__init__.py": "", "acme/a.py": "1"})
    assert packed(add("acme-vcat")[0])["acme/a.py"] == b"1"
    if change == "content":
        (site / "acme" / "a.py").write_text("22")
    elif change == "new file":
        record = site / "acme_vcat-1.0.dist-info" / "RECORD"
        (site / "acme" / "b.py").write_text("b")
        record.write_text(record.read_text() + "acme/b.py,,\n")
    else:
        (site / "acme" / "a.py").unlink()
    files = packed(add("acme-vcat")[0])
    assert files.get("acme/a.py") == {"content": b"22", "new file": b"1"}.get(change)
    assert ("acme/b.py" in files) == (change == "new file")


def test_what_a_plugin_requires_travels_too(installed):
    """Requirements are followed by name; extras and compiled distributions are not."""
    installed(
        "acme-vcat",
        {"acme/__init__.py": "", "acme/tests/test_a.py": "", "acme/data.json": "{}"},
        requires=[
            "Pure_Thing>=1; python_version >= '3'",
            "extra-thing; extra == 'fast'",
            "not-installed-thing",
            "compiled-thing",
            "vcat-more",
        ],
    )
    installed("pure-thing", {"pure/__init__.py": "", "single.py": ""}, requires=["deep-thing"])
    installed("deep-thing", {"deep/__init__.py": ""}, requires=["pure-thing"])
    installed("extra-thing", {"extra/__init__.py": ""})
    installed("compiled-thing", {"compiled/__init__.py": "", "compiled/_c.so": ""})
    installed("vcat-more", {"vcat_more/__init__.py": ""})
    found = {each.name: each for each in find_distributions(["acme-vcat"])}
    assert {"acme-vcat", "pure-thing", "deep-thing", "vcat-more", "vcat-core"} <= set(found)
    assert {"extra-thing", "not-installed-thing", "compiled-thing"}.isdisjoint(found)
    assert [each.path for each in found["acme-vcat"].files] == [
        "acme/__init__.py",
        "acme/data.json",
        "acme_vcat-1.0.dist-info/METADATA",
        "acme_vcat-1.0.dist-info/top_level.txt",
    ]
    own = {name for name, each in found.items() if each.is_own}
    assert own == {"acme-vcat", "vcat-core", "vcat-more"}


def test_licences_travel(installed):
    """What is passed on is passed on with its licence."""
    installed("acme-vcat", {"acme.py": ""}, **{"LICENSE.txt": "free", "licenses/NOTICE": "so"})
    (acme,) = (each for each in find_distributions(["acme-vcat"]) if each.name == "acme-vcat")
    paths = [each.path.partition("/")[2] for each in acme.files if "dist-info" in each.path]
    assert paths == ["LICENSE.txt", "METADATA", "licenses/NOTICE", "top_level.txt"]


def test_an_editable_plugin(installed, tmp_path, monkeypatch):
    """A plugin that is being developed travels from where its code is."""
    source = tmp_path / "src"
    (source / "acme").mkdir(parents=True)
    (source / "acme" / "__init__.py").write_text("acme = 1")
    monkeypatch.syspath_prepend(str(source))
    installed(
        "some-plugin",
        {"some_plugin.pth": str(source)},
        **{
            "entry_points.txt": "[vcat]\nacme = acme.plugin\n",
            "direct_url.json": json.dumps(
                {"url": f"file://{source}", "dir_info": {"editable": True}}
            ),
        },
    )
    (found,) = (each for each in find_distributions(["some-plugin"]) if each.name == "some-plugin")
    first = found.files[0]
    assert (first.path, first.source) == ("acme/__init__.py", str(source / "acme/__init__.py"))
    assert "direct_url.json" not in str(found.files)


def test_a_distribution_that_is_not_installed(cache, tmp_path):
    """What cannot travel is named, with what installs it."""
    output = Output(str(tmp_path / "out"))
    with pytest.raises(BundleError) as caught:
        add_runtime(("vcat-nowhere",), output)
    output.close()
    assert str(caught.value) == (
        f"distribution 'vcat-nowhere' is not installed for {sys.executable}, so that it cannot"
        " travel with the job; install it: pip install vcat-nowhere"
    )


def test_the_second_time_little_is_imported(ship, project):
    """Submitting a small project again imports nothing that only a first time needs."""
    remove(ship())
    code = (
        "import sys; from vcat._shipping.bundling.bundle import write_bundle\n"
        "write_bundle(job_name='job', project=sys.argv[1], job_files={'a': b'1'}, warn=print,"
        " distributions=('vcat-core',), environment={})\n"
        "heavy = {'importlib_metadata', 'isal', 'dill', 'yaml', 'logging', 'tempfile', 'shutil',"
        " 'subprocess', 'tarfile', 'pathspec', 'pluggy', 'gzip'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(project)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_what_travels_says_whose_modules_it_has(installed):
    """Keys count a library by version in the job too, where no RECORD says what is part of it."""
    installed("acme-vcat", {"acme/__init__.py": "", "acme/data.json": "{}", "single.py": ""})
    (acme,) = (each for each in find_distributions(["acme-vcat"]) if each.name == "acme-vcat")
    claims = {each.path: each.content for each in acme.files if not each.source}
    assert claims == {"acme_vcat-1.0.dist-info/top_level.txt": b"acme\nsingle\n"}


def test_a_compiled_plugin_stays_where_it_is_installed(installed):
    """Without its compiled parts it would stand in the way of what the job's machine has."""
    installed("acme-vcat", {"acme/__init__.py": "", "acme/_c.so": ""}, requires=["pure-thing"])
    installed("pure-thing", {"pure/__init__.py": ""})
    assert "acme-vcat" not in {each.name for each in find_distributions(["acme-vcat"])}
