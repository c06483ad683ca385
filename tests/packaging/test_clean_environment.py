"""The wheels in environments with nothing else: what an editable install would hide."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]

Environment = Callable[[str, Sequence[Path]], Path]
Run = Callable[..., str]

pytestmark = pytest.mark.slow


def test_the_example_runs_with_nothing_but_the_wheels(
    wheels: dict[str, Path], environment: Environment, run: Run, tmp_path: Path
) -> None:
    """The issue's own test of a distribution: only those wheels, and the example runs."""
    place = environment("all", list(wheels.values()))
    project = tmp_path / "wordcount"
    shutil.copytree(_ROOT / "examples" / "wordcount", project)

    printed = run(place / "bin" / "python", "wordcount.py", cwd=project)
    listed = json.loads(run(place / "bin" / "vcat", "ls", "--json", cwd=project))

    assert printed.splitlines()[-1].startswith("town: bells, street")
    assert [each["state"] for each in listed] == ["completed"]


@pytest.mark.parametrize(
    ("plugin", "statement"),
    [
        ("vcat-backend-localfs", "from vcat import LocalFileSystemCacheBackend as it"),
        ("vcat-deploy-localshell", "from vcat import LocalShellJobDeployment as it"),
        ("vcat-cli", "from vcat_cli import main as it"),
    ],
)
def test_a_plugin_works_with_the_core_alone(
    plugin: str, statement: str, wheels: dict[str, Path], environment: Environment, run: Run
) -> None:
    """No plugin leans on a sibling that happens to be installed."""
    place = environment(plugin, [wheels["vcat-core"], wheels[plugin]])

    assert run(place / "bin" / "python", "-c", f"{statement}; print('fine')") == "fine\n"


def test_the_core_alone_says_what_is_missing(
    wheels: dict[str, Path], environment: Environment, run: Run, tmp_path: Path
) -> None:
    """Without any backend the core imports, builds graphs, and names the install that runs them."""
    place = environment("core", [wheels["vcat-core"]])
    script = tmp_path / "script.py"
    script.write_text(
        "from vcat import *\n"
        "pipe = pipeline | (int, '3')\n"
        "try: pipe.run()\n"
        "except ConfigError as error: print(error)\n"
    )

    printed = run(place / "bin" / "python", script, cwd=tmp_path)

    assert "pip install vcat-backend-localfs" in printed
    assert "pip install vcat-deploy-localshell" in printed
