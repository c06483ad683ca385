"""A user's project in a directory, driven as a user would: scripts in processes of their own."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path


class Project:
    """A project directory whose parent is private to the test."""

    def __init__(self, parent: Path, name: str = "project") -> None:
        self.parent = parent
        self.directory = parent / name
        self.directory.mkdir(parents=True)
        self.without_progress: Callable[[str], str] = str
        self._started: list[subprocess.Popen[str]] = []

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project, dedented."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def use_workers(self, count: int) -> None:
        """Let the stages of jobs run in so many worker processes."""
        self.write(
            "workers.config.yaml",
            f"""\
            execution_implementation:
              executor_type: vcat.ProcessPoolExecutor
              constructor_keyword_arguments: {{workers: {count}}}
            """,
        )

    def run(self, script: str, *arguments: str, check: bool = True, **options):
        """Run a script of the project as ``python script`` would, from the project directory."""
        done = subprocess.run(
            [sys.executable, script, *arguments],
            cwd=options.pop("cwd", self.directory),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        if isinstance(done.stderr, str):
            done.stderr = self.without_progress(done.stderr)
        return done

    def start(self, script: str, **variables: str) -> subprocess.Popen[str]:
        """Start a script of the project with more variables; what still runs ends with the test."""
        process = subprocess.Popen(
            [sys.executable, script],
            cwd=self.directory,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """Kill what was started and still runs."""
        for each in self._started:
            each.kill()
            each.communicate()

    def ask(self, code: str, **options):
        """Run code in a fresh process that has imported vcat; return what it printed as JSON."""
        text = "import json, vcat\nfrom vcat import *\n" + textwrap.dedent(code)
        done = subprocess.run(
            [sys.executable, "-c", text],
            cwd=options.pop("cwd", self.directory),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def leftovers(self) -> list[str]:
        """What lies in the project's parent besides the project, and hidden in the project."""
        return sorted(
            set(os.listdir(self.parent)) - {self.directory.name, ".user-state", "user-cache"}
        )
