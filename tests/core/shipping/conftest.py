"""Projects, bundles made properly and by hand, and directories to run them in."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import vcat._shipping
from vcat._shipping.bundling.bundle import write_bundle
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.runtime import add_runtime
from vcat._shipping.bundling.ustar import END, entry_header, padding

LAUNCHER = Path(vcat._shipping.__file__).parent / "launcher"

# Stands for vcat in the bundle: says what it sees and ends with the code it is told to.
STUB = """
import json, os, sys
def run_job(directory):
    seen = {"path": sys.path, "cwd": os.getcwd(), "directory": directory, "argv": sys.argv,
            "modules": sorted(sys.modules)}
    with open(os.path.join(directory, "seen.json"), "w") as file:
        json.dump(seen, file)
    if "STUB_WAIT" in os.environ:
        input()
    print("hello from the job")
    return int(os.environ.get("STUB_CODE", "0"))
"""


@pytest.fixture(autouse=True)
def _umask():
    """Tests of modes start from what most users have."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A user's cache of its own."""
    path = tmp_path / "own-cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))
    return path / "vcat"


@pytest.fixture
def parts_in():
    """Return the files in parts that follow one another."""

    def read(data):
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data) + END)) as archive:
            return {each.name: archive.extractfile(each).read() for each in archive if each.isreg()}

    return read


@pytest.fixture
def add(cache, tmp_path, parts_in):
    """Make the parts of the runtime; return their files, and what was said of them."""

    def run(*names):
        output = Output(str(tmp_path / os.urandom(4).hex()))
        runtime = add_runtime(names, output)
        data = os.pread(output.fd, 1 << 30, 0)
        output.close()
        return parts_in(data), runtime, data

    return run


@pytest.fixture
def packed():
    """Return what travels packed of the files of a runtime."""

    def read(files):
        with zipfile.ZipFile(io.BytesIO(files["runtime/vcat_sources.zip"])) as archive:
            return {each: archive.read(each) for each in archive.namelist()}

    return read


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install made-up distributions for this process."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(name, files, requires=(), **metadata):
        stem = f"{name.replace('-', '_')}-1.0.dist-info"
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0"]
        lines += [f"Requires-Dist: {each}" for each in requires]
        contents = {
            **files,
            f"{stem}/METADATA": "\n".join(lines) + "\n",
            **{f"{stem}/{key}": value for key, value in metadata.items()},
        }
        contents[f"{stem}/RECORD"] = "".join(f"{each},,\n" for each in contents)
        for path, content in contents.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(content)
        return site

    return install


@pytest.fixture
def project(tmp_path):
    """A project directory with one file, in a directory of its own."""
    path = tmp_path / "home" / "project"
    path.mkdir(parents=True)
    (path / "script.py").write_text("print('hello')\n")
    return path


@pytest.fixture
def ship(project):
    """Bundle the project; keyword arguments replace what is usual."""
    warnings = []

    def write(**changes):
        arguments = {
            "job_name": "job",
            "project": str(project),
            "job_files": {"definition.json": b"{}"},
            "distributions": ("vcat-core",),
            "environment": {},
            "warn": warnings.append,
        }
        return write_bundle(**(arguments | changes))

    write.warnings = warnings
    return write


@pytest.fixture
def deploy(tmp_path):
    """Place a bundle in a fresh directory, as a deployment does."""

    def place(bundle, name="run"):
        directory = tmp_path / name
        directory.mkdir(mode=0o700)
        os.link(bundle.path, directory / "bundle.tgz")
        for each, content in bundle.files.items():
            (directory / each).write_bytes(content)
        return directory

    return place


def entry(name, content=b"", *, directory=False, executable=False):
    """One well-formed entry."""
    header = entry_header(name, len(content), directory=directory, executable=executable)
    return header + content + padding(len(content))


def raw_header(name=b"evil", size=0, kind=b"0", **fields):
    """One header block with any of its fields as given, and a checksum that is right."""
    values = {
        "name": name.ljust(100, b"\0"),
        "mode": b"0000644\0",
        "uid": b"0000000\0",
        "gid": b"0000000\0",
        "size": b"%011o\0" % size if isinstance(size, int) else size,
        "mtime": b"0" * 11 + b"\0",
        "checksum": b" " * 8,
        "kind": kind,
        "link": bytes(100),
        "magic": b"ustar\x00" + b"00",
        "owners": bytes(64),
        "device": bytes(16),
        "prefix": bytes(155),
        "rest": bytes(12),
    } | {key: value for key, value in fields.items() if key != "checksum"}
    block = b"".join(values.values())
    assert len(block) == 512
    checksum = fields.get("checksum", b"%06o\0 " % sum(block))
    return block[:148] + checksum + block[156:]


class Forge:
    """A bundle made by hand, entry by entry, with any lie in its manifest."""

    def __init__(self):
        self.parts = [
            {
                "name": "runtime",
                "raw": entry(b"runtime", directory=True)
                + entry(b"runtime/vcat", directory=True)
                + entry(b"runtime/vcat/__init__.py")
                + entry(b"runtime/vcat/_running", directory=True)
                + entry(b"runtime/vcat/_running/__init__.py")
                + entry(b"runtime/vcat/_running/job.py", STUB.encode()),
                "entries": 6,
            }
        ]
        self.manifest = {}
        self.project()

    def project(self, *entries, **declared):
        """Replace the project part; *declared* replaces what the manifest says of it."""
        self.parts[1:] = []
        raw = entry(b"project", directory=True) + b"".join(entries)
        return self.part("project", raw, **{"entries": 1 + len(entries), **declared})

    def part(self, name, raw, **declared):
        """Add a part whose content is *raw*."""
        self.parts.append({"name": name, "raw": raw, **declared})
        return self

    def write(self, directory, *, edit=lambda data: data):
        """Write the bundle and its launcher into *directory*; *edit* damages the archive."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        described, body = [], b""
        for part in [*self.parts, {"name": "end", "raw": END, "entries": 0}]:
            raw = part["raw"]
            packed = part.get("packed") or gzip.compress(raw, 1, mtime=0)
            described.append(
                {
                    "name": part["name"],
                    "offset": part.get("offset", len(body)),
                    "size": part.get("size", len(packed)),
                    "sha256": part.get("sha256", hashlib.sha256(packed).hexdigest()),
                    "content_size": part.get("content_size", len(raw)),
                    "entries": part.get("entries", 1),
                }
                | ({"provides": part["provides"]} if "provides" in part else {})
            )
            body += packed
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        manifest = {"format": 1, "job_name": "job", "python": python, "parts": described}
        text = json.dumps(manifest | self.manifest).encode()
        first = gzip.compress(entry(b"bundle.json", text), mtime=0)
        digest = f"sha256:{hashlib.sha256(first).hexdigest()} {len(first)}\n"
        (directory / "bundle.digest").write_text(digest)
        (directory / "bundle.tgz").write_bytes(edit(first + body))
        for name in ("main.py", "run.sh", "unpacking.py"):
            (directory / name).write_bytes((LAUNCHER / name).read_bytes())
        return directory


@pytest.fixture
def forge():
    """A bundle made by hand."""
    return Forge()


@pytest.fixture
def start():
    """Run ``run.sh`` of a directory and return how it ended."""

    def run(directory, *, script="run.sh", **variables):
        environment = os.environ | {"VCAT_PYTHON": sys.executable} | variables
        return subprocess.run(
            ["bash", str(directory / script)],
            check=False,
            env={key: value for key, value in environment.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def make_entry():
    """Make one well-formed entry."""
    return entry


@pytest.fixture
def make_header():
    """Make one header block, well-formed or not."""
    return raw_header


@pytest.fixture
def refuse_parent(project, monkeypatch):
    """Let nothing be made in the parent of the project any more."""

    def refuse():
        real = os.mkdir

        def denying(path, *rest, **options):
            if os.path.dirname(path) == str(project.parent):
                raise PermissionError(errno.EACCES, "Permission denied")
            real(path, *rest, **options)

        monkeypatch.setattr(os, "mkdir", denying)

    return refuse


@pytest.fixture
def is_refused(forge, start):
    """Start a forged bundle and see it refused, for one reason and without a trace."""

    def check(directory, reason, *, edit=lambda data: data):
        done = start(forge.write(directory, edit=edit))
        message = f"vcat: bundle refused: {reason}\n"
        assert (done.stderr, done.stdout, done.returncode) == (message, "", 75)
        assert (directory / "bootstrap.error").read_text() == message
        assert json.loads((directory / "exit.json").read_text()) == {"format": 1, "exit_code": 75}
        assert sorted(os.listdir(directory)) == REFUSED

    return check


#: What lies in the directory of a job whose bundle was refused.
REFUSED = [
    "bootstrap.error",
    "bundle.digest",
    "bundle.tgz",
    "exit.json",
    "main.py",
    "run.sh",
    "unpacking.py",
]
