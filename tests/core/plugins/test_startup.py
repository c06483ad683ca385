"""What the common path costs: no configuration file, the installed plugins already known."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = (
    "yaml",
    "importlib_metadata",
    "importlib.metadata",
    "pathspec",
    "dill",
    "logging",
    "subprocess",
    "tempfile",
    "shutil",
    "tarfile",
    "multiprocessing",
    "concurrent.futures",
    "difflib",
    "vcat._plugins.document",
)


def _run(program, folder):
    return subprocess.run(
        [sys.executable, "-c", program, folder],
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_common_path_imports_nothing_heavy(tmp_path):
    """A script without configuration pays for its backends and for nothing else."""
    warm = (
        "from vcat._plugins import discovery\n"
        "discovery._UNSETTLED_NS = 0\n"  # what was installed a moment ago counts as settled
        "discovery.discover()\n"
    )
    _run(warm, tmp_path)
    program = (
        "import sys\n"
        "from vcat._plugins.configuration import load\n"
        "load(sys.argv[1])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    assert _run(program, tmp_path) == "[]\n"


def test_a_file_costs_yaml_and_no_more(tmp_path):
    """Reading a configuration does not drag the rest in."""
    test_the_common_path_imports_nothing_heavy(tmp_path)
    (tmp_path / "a.config.yaml").write_text("log_level: ERROR\n", encoding="utf-8")
    program = (
        "import sys\n"
        "from vcat._plugins.configuration import load\n"
        "assert load(sys.argv[1]).log_level == 'ERROR'\n"
        "print([n for n in ('importlib_metadata', 'subprocess', 'logging') if n in sys.modules])\n"
    )
    assert _run(program, tmp_path) == "[]\n"
