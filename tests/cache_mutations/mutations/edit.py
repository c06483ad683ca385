"""What is done to a project between two runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mutations.laboratory import Bench


class Edit(NamedTuple):
    """One edit.

    Attributes:
        shown: The edit on one line of Markdown.
        apply: Does it.
        replaced: File, old and new text, where a text is replaced: its lines say more.
    """

    shown: str
    apply: Callable[[Bench], None]
    replaced: tuple[str, str, str] = ("", "", "")

    def line(self, files: Mapping[str, str]) -> str:
        """Return the edit of *files* on one line of Markdown: old lines, an arrow, new lines."""
        file, old, new = self.replaced
        if not file:
            return self.shown
        before = files[file].split("\n")
        after = files[file].replace(old, new).split("\n")
        while before and after and before[0] == after[0]:
            before, after = before[1:], after[1:]
        while before and after and before[-1] == after[-1]:
            before, after = before[:-1], after[:-1]
        where = "" if file == "main.py" else f"{file}: "
        if not before:
            return f"{where}{code(after)} added"
        return where + (f"{code(before)} → {code(after)}" if after else f"{code(before)} removed")


def replace(file: str, old: str, new: str) -> Edit:
    """Replace the one place where *file* says *old*."""

    def apply(bench: Bench) -> None:
        text = (bench.project / file).read_text()
        assert text.count(old) == 1, (file, old, text)
        bench.write(file, text.replace(old, new))

    return Edit("", apply, (file, old, new))


def write(file: str, text: str, shown: str = "") -> Edit:
    """Write a whole file, new or not."""
    return Edit(shown or f"{file} written: {code([text])}", lambda bench: bench.write(file, text))


def remove(file: str) -> Edit:
    """Remove a file."""
    return Edit(f"{file} removed", lambda bench: (bench.project / file).unlink())


def rename(file: str, to: str) -> Edit:
    """Give a file or a directory another name."""
    return Edit(
        f"{file} → {to}", lambda bench: (bench.project / file).rename(bench.project / to) and None
    )


def link(file: str, to: str) -> Edit:
    """Let a symbolic link lead elsewhere."""

    def apply(bench: Bench) -> None:
        (bench.project / file).unlink(missing_ok=True)
        (bench.project / file).symlink_to(to)

    return Edit(f"{file} links to {to}", apply)


def touch(*files: str) -> Edit:
    """Give files a new time, as a checkout does."""

    def apply(bench: Bench) -> None:
        for each in files:
            bench.stamp(bench.project / each)

    return Edit(f"touch {' '.join(files)}", apply)


def rewrite(file: str) -> Edit:
    """Write a file again with the bytes it has, under another inode."""

    def apply(bench: Bench) -> None:
        path = bench.project / file
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
        bench.stamp(path)

    return Edit(f"{file} written again, equal bytes", apply)


def variable(name: str, value: str) -> Edit:
    """Set an environment variable."""
    return Edit(f"{name}={value} in the environment", lambda bench: bench.set(name, value))


def arguments(*given: str) -> Edit:
    """Give the script other arguments."""

    def apply(bench: Bench) -> None:
        bench.arguments = given

    return Edit(f"python main.py {' '.join(given)}", apply)


def move_project() -> Edit:
    """Move the whole project, its store in it, to another place."""

    def apply(bench: Bench) -> None:
        bench.move("elsewhere/renamed")

    return Edit("the project's directory is renamed", apply)


def stand_elsewhere() -> Edit:
    """Run the same script from another directory, with the same store."""

    def apply(bench: Bench) -> None:
        bench.directory = bench.root / "standpoint"

    return Edit("cd elsewhere; python …/main.py", apply)


def forget_bytecode() -> Edit:
    """Remove the compiled modules, so that Python compiles them again."""

    def apply(bench: Bench) -> None:
        for each in list(bench.project.rglob("__pycache__")):
            shutil.rmtree(each)
        for each in bench.project.rglob("*.py"):
            os.utime(each)

    return Edit("every .pyc made anew", apply)


def by_itself(shown: str) -> Edit:
    """Leave the edit to the project itself."""
    return Edit(shown, lambda _: None)


def nothing() -> Edit:
    """Change nothing but what differs between any two processes."""
    return Edit("nothing; another hash seed, as in every case", lambda _: None)


def code(lines: Sequence[str]) -> str:
    """Return *lines* as code on one line of a table."""
    full = [_shortened(each) for each in lines if each.strip()]
    text = (full[0].strip() if len(full) == 1 else " ⏎ ".join(full)).replace("|", "\\|")
    return f"`{text}`" if text else "blank lines"


def _shortened(line: str) -> str:
    """Return *line* without what the last line of most scripts has around the call."""
    for end in (".run_same_process())", ".run().fetch_job_results())"):
        if line.startswith("print(") and line.endswith(end):
            return line[len("print(") : -len(end)]
    return line.rstrip()
