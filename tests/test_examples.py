"""The examples as a user runs them: in a copy, and read back from processes that came later."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_EXAMPLES = Path(__file__).parents[1] / "examples"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("examples")]


class Example:
    """A copy of an example, and what can be asked of it."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self._environment = environment
        self.printed = ""

    def run(self, *command: str, told: str = "") -> str:
        """Run a command in the example's directory and return what it prints.

        Args:
            command: The command.
            told: A pattern of what is on standard error.
        """
        done = subprocess.run(
            [*command],
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.fullmatch(told, done.stderr), done.stderr
        return done.stdout

    def python(self, *arguments: str) -> str:
        """Run Python there."""
        return self.run(sys.executable, *arguments)

    def submit(self, cached: int, total: int) -> str:
        """Run the example; who waits for its job is told how far it is and how it has ended."""
        stem = self.directory.name
        cached_of_total = f"{cached} of {total} stages cached"
        end = rf"vcat: ({stem}-\S+) completed in .*, {cached_of_total}; vcat show \1\n"
        return self.run(
            sys.executable,
            f"{stem}.py",
            told=rf"(?:vcat: \S+: \d+ of {total} stages done.*\n)*{end}",
        )

    def ask(self, expression: str) -> Any:
        """Return the value of an expression about ``job``, the newest, in a process of its own."""
        code = (
            "import json, vcat\n"
            "record = vcat.list_jobs()[0]\n"
            "job = vcat.get_job(record.job_name)\n"
            f"print(json.dumps({expression}))"
        )
        return json.loads(self.python("-c", code))


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Example]:
    """Copy an example to where nothing of the checkout is near."""

    def copy(name: str) -> Example:
        home = tmp_path_factory.mktemp(name)
        ignore = shutil.ignore_patterns(".vcat", "__pycache__")
        shutil.copytree(_EXAMPLES / name, home / name, ignore=ignore)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {k: v for k, v in os.environ.items() if not k.startswith("VCAT_")}
        user_cache = tmp_path_factory.getbasetemp() / "user-cache"
        environment |= {"PATH": path, "XDG_CACHE_HOME": str(user_cache)}
        return Example(home / name, environment)

    return copy


@pytest.fixture(scope="module")
def wordcount(copied: Callable[[str], Example]) -> Example:
    """The example after its first run."""
    example = copied("wordcount")
    example.printed = example.submit(0, 5)
    return example


@pytest.fixture(scope="module")
def cancer(copied: Callable[[str], Example]) -> Example:
    """The example after its first run."""
    example = copied("cancer")
    example.printed = example.submit(0, 13)
    return example


def test_wordcount_prints_its_result(wordcount: Example) -> None:
    """The script's own output is the value of the last stage."""
    assert wordcount.printed.splitlines() == [
        "hill: path, goat, hill, on, stones, wall",
        "sea: boat, sail, sea, water, wave, wind",
        "town: bells, street, baker, bread, cart, of, rang",
    ]


def test_wordcount_is_listed_with_what_it_reported(wordcount: Example) -> None:
    """Another process sees the job, its metric and its parameter."""
    listed = wordcount.ask("[record.state, record.metrics, record.parameters, record.script]")

    assert listed == ["completed", {"telling words": 19}, {"least": 2}, "wordcount.py"]


def test_wordcount_log_is_what_the_stages_printed(wordcount: Example) -> None:
    """`print` inside a stage is kept."""
    assert sorted(wordcount.ask("job.logs()").splitlines()) == [
        "hill.txt: 54 words, 34 different",
        "sea.txt: 55 words, 35 different",
        "town.txt: 51 words, 28 different",
    ]


def test_wordcount_artifacts_are_kept_and_not_left_in_the_project(wordcount: Example) -> None:
    """The stage wrote into its own copy of the project; the archive has the files."""
    assert wordcount.ask("job.artifacts()") == ["report.json", "report.txt"]
    assert wordcount.ask("job.artifact('report.txt').decode()") == wordcount.printed
    names = {each.name for each in wordcount.directory.iterdir()} - {"__pycache__"}
    assert names == {".vcat", "texts", "wordcount.py"}
    assert [each.name for each in wordcount.directory.parent.iterdir()] == ["wordcount"]


def test_wordcount_runs_again_only_what_changed(copied: Callable[[str], Example]) -> None:
    """A text with another word is counted again, the other two come from the cache."""
    example = copied("wordcount")
    example.submit(0, 5)
    text = example.directory / "texts" / "sea.txt"
    text.write_text(text.read_text() + "The tide, the tide.\n")
    example.submit(2, 5)

    assert example.ask("{each.id: each.status for each in job.stages()}") == {
        "count": "cached",
        "count#2": "completed",
        "count#3": "cached",
        "compare": "completed",
        "report": "completed",
    }


def test_cancer_prints_a_good_accuracy(cancer: Example) -> None:
    """A classifier that was really trained judges more than nine in ten tumours right."""
    last = cancer.printed.splitlines()[-1]
    assert last.startswith("accuracy 0.9")


def test_cancer_is_listed_and_its_result_is_read_back(cancer: Example) -> None:
    """A later process gets the same value from the archive."""
    state, parameters, metrics, tags = cancer.ask(
        "[record.state, record.parameters, record.metrics, record.tags]"
    )
    result = cancer.ask("job.fetch_job_results()")

    assert (state, parameters, tags) == ("completed", {"C": 0.5}, {"data": "wisconsin"})
    assert metrics["accuracy"] == result
    assert metrics["roc_auc"] > 0.98
    assert cancer.printed.endswith(f"accuracy {result:.3f}\n")


def test_cancer_provenance_says_what_it_was_made_with(cancer: Example) -> None:
    """Versions, parameters and stages are in the provenance archive."""
    provenance = cancer.ask("job.provenance()")

    assert provenance["parameters"] == {"C": 0.5}
    assert {"scikit-learn", "numpy", "vcat-core"} <= {
        *(each.lower() for each in provenance["distributions"])
    }
    names = {each["name"] for each in provenance["stages"]}
    assert {"load", "split", "scale", "fit", "score"} <= names


def test_cancer_plot_is_a_picture(cancer: Example) -> None:
    """The artifact archive has the PNG that the stage drew."""
    assert cancer.ask("job.artifacts()") == ["roc.png"]
    assert cancer.ask("job.artifact('roc.png')[:8].hex()") == b"\x89PNG\r\n\x1a\n".hex()


def test_cancer_is_listed_by_the_command(cancer: Example) -> None:
    """`vcat ls` in the project's directory shows the job and its metrics."""
    printed = cancer.run("vcat", "ls")

    assert "cancer-" in printed
    assert "accuracy=0.9" in printed


def test_cancer_a_second_time_comes_from_the_cache(cancer: Example) -> None:
    """What was trained once is not trained again."""
    cancer.submit(5, 13)
    statuses = cancer.ask("{each.id: each.status for each in job.stages()}")

    assert {statuses[name] for name in ("load", "split", "scale", "fit", "score")} == {"cached"}
