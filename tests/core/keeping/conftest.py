"""Values that one script sends and another reads."""

import json
import subprocess
import sys
import textwrap

import pytest

WRITE = """
import pathlib
from vcat._keeping.codec import dumps
pathlib.Path("value.bin").write_bytes(dumps(value))
"""
READ = """
import json
import pathlib
import sys
from vcat._keeping import rebuild
from vcat._keeping.codec import loads
from vcat._keeping.digest import digest
if sys.argv[1:] == ["job"]:
    rebuild.open_namespaces(vars(sys.modules["__main__"]))
data = pathlib.Path("value.bin").read_bytes()
def read(): return loads(data, digest(data))
value = read()
"""


@pytest.fixture
def sent(tmp_path):
    """What another script prints of a value."""

    def send(define, use, *, job=False):
        """Return what *use* prints of the ``value`` that the script *define* has sent."""
        printed = ""
        for name, text in (("writer.py", define), ("reader.py", use)):
            body = textwrap.dedent(text)
            (tmp_path / name).write_text(body + WRITE if name == "writer.py" else READ + body)
            done = subprocess.run(
                [sys.executable, "-W", "error", name, *(["job"] if job else [])],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, "")
            printed = done.stdout
        return json.loads(printed)

    return send
