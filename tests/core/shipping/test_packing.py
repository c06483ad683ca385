"""What of the runtime travels in two files, and how it is imported from them."""

from __future__ import annotations

import io
import marshal
import os
import subprocess
import sys
import zipfile

import pytest

from vcat._shipping.bundling.packing import _compile, choose_packed


@pytest.fixture
def place(tmp_path):
    """Write the files of a runtime; return where, and the start of a program as in a job."""

    def write(files):
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        runtime = tmp_path / "runtime"
        start = (
            f"import sys; sys.path[:0] = [{str(runtime)!r}]\n"
            f"sys.path += [{str(tmp_path / 'requirements')!r}]\n"
        )
        return runtime, start

    return write


INSTALL = "import vcat_compiled; vcat_compiled.install()\n"


def shown(code, *options):
    """Return the lines that *code* prints in a bare Python."""
    command = [sys.executable, *options, "-I", "-S", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def replace(runtime, name, content):
    """Put another content of the file *name* into the file of sources."""
    path = runtime / "vcat_sources.zip"
    made = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w") as new:
        for each in old.namelist():
            new.writestr(each, content if each == name else old.read(each))
    path.write_bytes(made.getvalue())


def test_a_job_makes_few_files(add):
    """Of vcat there are two files, what imports from them, and the metadata it is known by."""
    files, _, _ = add("vcat-core")
    tag = sys.implementation.cache_tag
    names = sorted(each for each in files if each.startswith("runtime/"))
    assert [each for each in names if ".dist-info/" not in each] == [
        f"runtime/__pycache__/vcat_compiled.{tag}.pyc",
        "runtime/vcat/__init__.py",
        "runtime/vcat_compiled.bin",
        "runtime/vcat_compiled.py",
        "runtime/vcat_sources.zip",
    ]
    metadata = {each.rpartition("/")[2] for each in names if ".dist-info/" in each}
    assert metadata == {"METADATA", "entry_points.txt", "top_level.txt"}


def test_a_plugin_with_files_to_open_keeps_them(add, packed, installed):
    """Its modules find beside them what they were installed with."""
    installed("acme-vcat", {"acme/__init__.py": "", "acme/a.py": "1", "acme/data.json": "{}"})
    files, _, _ = add("acme-vcat")
    assert files["runtime/acme/a.py"] == b"1"
    assert files["runtime/acme/data.json"] == b"{}"
    assert not [each for each in packed(files) if each.startswith("acme")]
    assert "acme.a" in marshal.loads(files["runtime/vcat_compiled.bin"])


def test_what_is_packed():
    """Modules of packages, type marks and licences; nothing where a directory is no package."""
    metadata = ["acme-1.dist-info/METADATA", "acme-1.dist-info/top_level.txt"]
    rest = ["acme/__init__.py", "acme/a.py", "acme/py.typed", "other.py"]
    licence = ["acme-1.dist-info/licenses/LICENCE.txt"]
    assert choose_packed("acme", [*metadata, *rest, *licence]) == {*rest, *licence}
    assert choose_packed("acme", [*metadata, *rest, "acme/inner/b.py"]) == set()
    assert choose_packed("acme", [*metadata, "acme/b.py"]) == set()


def test_its_compiled_form_is_used(add, place):
    """The job does not compile vcat, and knows where its modules would be."""
    files, _, _ = add("vcat-core")
    tag = sys.implementation.cache_tag
    assert f"requirements/dill/__pycache__/_dill.{tag}.pyc" in files
    runtime, start = place(files)
    replace(runtime, "vcat/_keeping/guard.py", "this is not Python")
    assert shown(
        f"{start}{INSTALL}from vcat._keeping import guard\n"
        "print(guard.call.__code__.co_filename)\n"
        "print(guard.__file__)\n"
        "print(guard.__spec__.origin)\n"
        "print(guard.__spec__.cached)\n"
        "print(__import__('vcat').__path__[0])\n"
    ) == [
        *[str(runtime / "vcat/_keeping/guard.py")] * 3,
        str(runtime / f"vcat/_keeping/__pycache__/guard.{tag}.pyc"),
        str(runtime / "vcat"),
    ]


def test_its_source_is_shown_and_loaded_again(add, place, packed):
    """A traceback has its lines, and what is reloaded or asked to be compiled otherwise is."""
    files, _, _ = add("vcat-core")
    _, start = place(files)
    code = (
        f"{start}{INSTALL}import importlib, inspect, traceback\n"
        "from vcat._keeping import guard\n"
        "print(inspect.getsource(guard.call).splitlines()[0])\n"
        "print(guard.call.__doc__ is None)\n"
        "importlib.reload(guard)\n"
        "print(guard.call.__doc__ is None)\n"
        "try: guard.call(None, 'x')\n"
        "except Exception: print('getattr(' in traceback.format_exc())\n"
    )
    source = packed(files)["vcat/_keeping/guard.py"].decode()
    first = next(line for line in source.splitlines() if line.startswith("def call"))
    assert shown(code) == [first, "False", "False", "True"]
    assert shown(code, "-OO") == [first, "True", "True", "True"]


def test_compiled_form_of_another_python_is_not_used(add, place):
    """Of a Python with other code the source counts, as it would with a file for each module."""
    runtime, start = place(add("vcat-core")[0])
    content = runtime / "vcat_compiled.bin"
    codes = marshal.loads(content.read_bytes())
    codes["vcat.errors"] = (codes["vcat.errors"][0], b"\0" * 16 + b"\xff")
    content.write_bytes(marshal.dumps(codes))
    code = f"{start}{INSTALL}import vcat.errors; print(vcat.errors.FormatError.__name__)"
    assert shown(code) == ["FormatError"]
    assert not [each for each in runtime.rglob("*.pyc") if "vcat_compiled" not in each.name]


def test_compiled_forms_with_slices_are_equal_bytes():
    """Slices are constants since Python 3.14, and the format without references has none."""
    source = (
        b"def f(x):\n"
        b"  def g(y): return y[:2], y[1:], y[::-1, 3:4], y['a':'b'], y[1.5:]\n"
        b"  return (1, (2, b'3')), *g(x), x[2:3]\n"
    )
    code = _compile("runtime", "a.py", source)
    assert code == _compile("runtime", "a.py", source)
    namespace = {}
    exec(marshal.loads(code[16:]), namespace)

    class Asked:
        def __getitem__(self, key):
            return key

    assert namespace["f"](Asked()) == (
        (1, (2, b"3")),
        slice(None, 2),
        slice(1, None),
        (slice(None, None, -1), slice(3, 4)),
        slice("a", "b"),
        slice(1.5, None),
        slice(2, 3),
    )


def test_what_submits_jobs_and_looks_at_them_travels_as_source_only(add, place, packed):
    """Nearly no job imports it, and each reads all that travels compiled; it is imported still."""
    files, _, _ = add("vcat-core")
    codes = marshal.loads(files["runtime/vcat_compiled.bin"])
    for name in ("_looking", "_shipping"):
        assert f"vcat/{name}/__init__.py" in packed(files)
        assert codes[f"vcat.{name}"] == (f"vcat/{name}/__init__.py", b"")
    _, start = place(files)
    assert shown(
        f"{start}{INSTALL}from vcat._shipping.bundling import part; print(part.__name__)"
    ) == ["vcat._shipping.bundling.part"]


def test_whoever_has_it_on_the_path_imports_it(add, place):
    """A process that a stage starts, with the path of the job, has vcat without more ado."""
    runtime, start = place(add("vcat-core")[0])
    code = (
        f"{start}import gc, vcat.abc; from vcat import stage; import vcat\n"
        "print(vcat.__file__, vcat.abc.__loader__.__class__.__module__, gc.isenabled())\n"
        "print(stage.__module__, vcat.__spec__.name, sys.modules['vcat'] is vcat)\n"
    )
    assert shown(code) == [f"{runtime}/vcat/__init__.py vcat_compiled True", "vcat vcat True"]


UNPACK = "import vcat_compiled; vcat_compiled.unpack()\n"


def test_what_is_unpacked_is_what_was_packed(add, place, packed):
    """By two processes at once, and after one that was killed: all files, private, nothing else."""
    files, _, _ = add("vcat-core")
    runtime, start = place(files)
    before = {str(each.relative_to(runtime)) for each in runtime.rglob("*") if each.is_file()}
    (runtime / "vcat" / "_keeping").mkdir(mode=0o700)
    (runtime / "vcat" / "_keeping" / "guard.py").write_text("half a f")
    command = [sys.executable, "-I", "-S", "-c", start + UNPACK]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    sources = packed(files)
    for name, content in sources.items():
        assert (runtime / name).read_bytes() == content
        assert (runtime / name).stat().st_mode & 0o777 == 0o600
    after = {str(each.relative_to(runtime)) for each in runtime.rglob("*") if each.is_file()}
    assert after == before | set(sources)


def test_what_is_unpacked_is_not_written_again(add, place):
    """What was made of the files counts as long as these and their directories do not change."""
    files, _, _ = add("vcat-core")
    runtime, start = place(files)

    def unpacked():
        code = f"{start}{UNPACK}del sys.modules['vcat_compiled']; import vcat._keeping.guard"
        environment = {"PATH": os.environ["PATH"]}
        subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, env=environment)
        found = [runtime, *(each for each in runtime.rglob("*") if "__pycache__" not in str(each))]
        return {str(each): each.stat().st_mtime_ns for each in found}

    once = unpacked()
    assert list((runtime / "vcat/_keeping/__pycache__").iterdir())
    assert unpacked() == once
    (runtime / "vcat/_keeping/guard.py").unlink()
    again = unpacked()
    changed = {each for each in once if again[each] != once[each]}
    assert changed == {str(runtime / "vcat/_keeping"), str(runtime / "vcat/_keeping/guard.py")}


def test_a_package_leads_elsewhere_until_all_of_it_is_there(add, place):
    """Killed while it unpacks, a job leaves a vcat that can be imported."""
    runtime, start = place(add("vcat-core")[0])
    stop = (
        "import os; rename = os.rename\n"
        "def stop(source, target):\n"
        "    rename(source, target)\n"
        "    if target.endswith('_keeping/guard.py'): os._exit(9)\n"
        "os.rename = stop\n"
    )
    command = [sys.executable, "-I", "-S", "-c", start + stop + UNPACK]
    assert subprocess.run(command, check=False).returncode == 9
    assert (runtime / "vcat/_keeping/guard.py").exists()
    assert shown(f"{start}from vcat._shipping.bundling import part; print(part.__name__)") == [
        "vcat._shipping.bundling.part"
    ]


def test_a_job_can_submit_another(add, place, packed, parts_in):
    """The vcat that it sends is the one it was sent itself."""
    files, _, _ = add("vcat-core")
    runtime, start = place(files)
    code = (
        f"{start}{INSTALL}import os\n"
        "from vcat._shipping.bundling.output import Output\n"
        "from vcat._shipping.bundling.runtime import add_runtime, unpack_own\n"
        "unpack_own()\n"
        f"output = Output({str(runtime.parent / 'out')!r})\n"
        "add_runtime(('vcat-core',), output)\n"
        "output.close()\n"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(runtime.parent / "its-cache")}
    command = [sys.executable, "-I", "-S", "-c", code]
    subprocess.run(command, env=environment, check=True)
    again = parts_in((runtime.parent / "out").read_bytes())
    assert again["runtime/vcat_compiled.bin"] == files["runtime/vcat_compiled.bin"]
    sent, own = packed(again), packed(files)
    assert sent == {name: own[name] for name in own if name.startswith("vcat/")}
