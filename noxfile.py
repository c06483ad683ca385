"""Every check of this repository, one session each; CI runs ``tests`` and nothing else.

``python -m pip install nox`` is all that has to be there. ``nox -s demo`` runs the example,
``nox -s tests`` runs all checks, the fast ones first. Each session has an environment of its own,
kept between runs; ``-R`` skips the installation too.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests"]
nox.options.reuse_venv = "yes"

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
CONSTRAINTS = ROOT / "constraints" / "minimums.txt"
DISTRIBUTIONS = (
    "vcat-core",
    "vcat-backend-localfs",
    "vcat-deploy-localshell",
    "vcat-cli",
    "vcat-all",
)
PACKAGES = tuple(
    f"{each}/src/{package}"
    for each, package in {
        "vcat-core": "vcat",
        "vcat-backend-localfs": "vcat_backend_localfs",
        "vcat-deploy-localshell": "vcat_deploy_localshell",
        "vcat-cli": "vcat_cli",
    }.items()
)
GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")["dependency-groups"]
# Without the bytecode, every start of a process measures and pays the compiler.
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": None}
# The slow tests stay last: they are given out one by one, in the order in which they stand.
TWO_PROCESSES = ("-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder")


@nox.session
def demo(session: nox.Session) -> None:
    """Install vcat from the checkout, run examples/cancer and print its accuracy."""
    _install(session, "example", editable=False)
    _run_example(session, "cancer")


@nox.session
def tests(session: nox.Session) -> None:
    """Run every check: lint, layering, types, then all tests, the slow ones last.

    With arguments, ``nox -s tests -- tests/core -k graph``, only pytest, with them and in one
    process; without, tests run in two, because most of them wait for jobs.
    """
    _install(
        session, "lint", "types", "test", "array", "example", "fast", "progress", editable=True
    )
    if not session.posargs:
        _lint(session)
        _types(session)
    where = session.posargs or ["-m", "not storm", *TWO_PROCESSES]
    session.run("python", "-m", "pytest", *where, env=ENVIRONMENT)


@nox.session
def storm(session: nox.Session) -> None:
    """Kill whoever has to do with a job at random moments, hundreds of times.

    And pass on values of 3 GB, and let every wrong backend take all the tests of its suite.
    """
    _install(session, "test", "array", "example", "fast", editable=True)
    # A test of these may take longer than what hangs elsewhere.
    where = ["-m", "storm", "-o", "faulthandler_timeout=3600", *session.posargs]
    session.run("python", "-m", "pytest", *where, env=ENVIRONMENT)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and the layering contracts."""
    _install(session, "lint", editable=True)
    _lint(session)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of all packages, strictly."""
    _install(session, "types", "array", editable=True)
    _types(session)


@nox.session
def docs(session: nox.Session) -> None:
    """Run the README and the tutorial, and check every link in the documentation."""
    _install(session, "test", editable=True)
    session.run("python", "-m", "pytest", "tests/test_docs.py", *session.posargs, env=ENVIRONMENT)


def _oldest_python() -> str | None:
    """The oldest Python we support where it is installed, else the one that runs nox.

    A file of that name proves nothing: version managers put one there for every Python they know.
    """
    try:
        done = subprocess.run(["python3.10", "-c", ""], capture_output=True, check=False)
    except OSError:
        return None
    return "3.10" if done.returncode == 0 else None


@nox.session(python=_oldest_python())
def minimums(session: nox.Session) -> None:
    """Run the tests with the lowest versions that the distributions say they work with."""
    sources = [f"./{each}" for each in DISTRIBUTIONS]
    requirements = [each for group in ("test", "array", "example") for each in GROUPS[group]]
    session.install(*requirements, *sources, "-c", str(CONSTRAINTS))
    session.run("python", "-m", "pip", "check")
    chosen = ["--ignore=tests/packaging", "-k", "not cancer", "-m", "not storm", *TWO_PROCESSES]
    session.run("python", "-m", "pytest", *session.posargs or chosen, env=ENVIRONMENT)


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheels of all distributions into dist/."""
    _build(session)


@nox.session(reuse_venv=False)
def packaging(session: nox.Session) -> None:
    """Prove the wheels: in a clean environment, both examples and the plugins' own suites."""
    wheels = _build(session)
    session.install(*wheels)
    session.run("python", "-m", "pip", "check")
    _run_example(session, "wordcount")
    session.install(*GROUPS["example"])
    _run_example(session, "cancer")
    session.install(*GROUPS["test"])
    where = session.posargs or ["tests/packaging", "tests/conformance", "-m", "not storm"]
    session.run("python", "-m", "pytest", *where, env=ENVIRONMENT)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what the speed table promises; ``-- --help`` shows the options."""
    _install(session, "fast", "array", editable=False)
    session.run("python", "-m", "benchmarks", *session.posargs, env=ENVIRONMENT)


@nox.session
def mutations(session: nox.Session) -> None:
    """Edit tiny projects in every way and write what ran again into the documentation."""
    _install(session, "array", "fast", editable=True)
    path = {"PYTHONPATH": "tests/cache_mutations"}
    session.run("python", "-m", "mutations", *session.posargs, env=ENVIRONMENT | path)


@nox.session
def changelog(session: nox.Session) -> None:
    """Show the next CHANGELOG section of each distribution; ``-- vcat-core`` writes that one's."""
    session.install(*GROUPS["release"])
    for each in session.posargs or DISTRIBUTIONS:
        metadata = nox.project.load_toml(ROOT / each / "pyproject.toml")["project"]
        arguments = ["--config", "pyproject.toml", "--dir", each, "--version", metadata["version"]]
        draft = [] if session.posargs else ["--draft"]
        session.run("towncrier", "build", "--yes", *arguments, *draft)


def _install(session: nox.Session, *groups: str, editable: bool) -> None:
    """Install all distributions of the checkout in one go, so that none comes from elsewhere."""
    requirements = [each for group in groups for each in GROUPS[group]]
    for each in DISTRIBUTIONS:
        # The one without a module has nothing to edit.
        requirements += ["-e", f"./{each}"] if editable and each != "vcat-all" else [f"./{each}"]
    session.install(*requirements)


def _lint(session: nox.Session) -> None:
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-logo", "--cache-dir", ".nox/.import_linter_cache")


def _types(session: nox.Session) -> None:
    session.run("mypy", *PACKAGES)


def _build(session: nox.Session) -> list[str]:
    shutil.rmtree(DIST, ignore_errors=True)
    sources = [f"./{each}" for each in DISTRIBUTIONS]
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(DIST), *sources)
    wheels = sorted(str(each) for each in DIST.glob("*.whl"))
    session.log("built " + ", ".join(os.path.basename(each) for each in wheels))
    return wheels


def _run_example(session: nox.Session, name: str) -> None:
    """Run an example in a copy, as a user would: what it leaves behind is not the checkout's."""
    copy = Path(session.create_tmp()) / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "examples" / name, copy, ignore=shutil.ignore_patterns(".vcat", "__py*"))
    with session.chdir(copy):
        session.run("python", f"{name}.py", env=ENVIRONMENT)


if __name__ == "__main__":
    sys.exit("run me with nox: python -m nox -l lists the sessions")
