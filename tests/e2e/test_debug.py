"""`vcat debug`: stages of ended jobs in real processes, the debugger in a real terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

SCRIPT = """\
import os, numpy  # whose random numbers begin anew before the function is called
from vcat import *

LIMIT = 3

def shift(value):
    return value + LIMIT

@stage
def load(count):
    return [shift(each) for each in range(count)]

@stage(outputs=2)
def split(values):
    return values[:2], values[2:]

@stage
def fit(train, C):
    log_metric("rows", len(train))
    total = sum(train)
    return total / C

@stage
def report(model, path):
    log_artifact(path)
    return os.path.exists("train.py"), model

train, test = split(load(5))
end = report(fit(test, C=Hyperparameter("C")), "notes.txt")

if __name__ == "__main__":
    for name, C in (("good", 2), ("bad", 0)):
        end.run(job_name=name, C=C).wait_for_deployment_to_complete()
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A project whose jobs `good` and `bad` have ended; tests copy it."""
    home = tmp_path_factory.mktemp("ran")
    project = home / "project"
    project.mkdir()
    (project / "train.py").write_text(SCRIPT)
    (project / "notes.txt").write_text("notes")
    environment = os.environ | {
        "XDG_STATE_HOME": f"{home}/state",
        "XDG_CACHE_HOME": f"{home}/cache",
    }
    subprocess.run([sys.executable, "train.py"], cwd=project, env=environment, check=True)
    shutil.rmtree(project / ".vcat" / "jobs")  # the directories that they ran in
    return project


@pytest.fixture
def debug(ran, tmp_path):
    """Debug a stage of a copy of the project, which is `debug.project`; a result has all it said.

    ``typed`` goes to its standard input, a pipe.
    """
    project = tmp_path / "copy"
    shutil.copytree(ran, project)

    def debug(*words, typed=""):
        return subprocess.run(
            [sys.executable, "-m", "vcat_cli", "debug", *words],
            cwd=project,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    debug.project = project
    return debug


def tree(directory):
    """Every file of the stores with its content; nothing of them may change."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def without_paths(text):
    """*text* with the private directory as DIR."""
    return re.sub(r"[^\s\"(]*/vcat-debug-[a-z0-9_]+/", "DIR/", text)


CTRL_C = "\x03"

#: Makes standard input the terminal whose Ctrl-C it is, and becomes what its arguments say.
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execv(sys.argv[1], sys.argv[1:])"
)


def in_terminal(project, words, answers):
    """Run a command in a terminal; type each answer when its prompt is there. Return all shown."""
    main, sub = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_TERMINAL, sys.executable, "-m", "vcat_cli", "debug", *words],
        cwd=project,
        stdin=sub,
        stdout=sub,
        stderr=sub,
        start_new_session=True,
        env=os.environ | {"TERM": "dumb"},
    )
    os.close(sub)
    shown, place, deadline = "", 0, time.monotonic() + 60
    waiting, pressed = list(answers), deadline
    while time.monotonic() < deadline:
        if time.monotonic() > pressed + 5:  # what comes just before input() waits does not end it
            pressed = time.monotonic()
            os.write(main, CTRL_C.encode())
        if waiting and waiting[0][0] in shown[place:]:
            place = shown.index(waiting[0][0], place) + len(waiting[0][0])
            answer = waiting.pop(0)[1]
            os.write(main, (answer if answer == CTRL_C else f"{answer}\n").encode())
            pressed = time.monotonic() if answer == CTRL_C else deadline
        if select.select([main], [], [], 0.05)[0]:
            try:
                piece = os.read(main, 65536)
            except OSError:  # as Linux has it where the other end is closed
                break
            if not piece:
                break
            shown += piece.decode()
    os.close(main)  # which hangs up on what still runs
    code = process.wait(60)
    assert not waiting, shown
    return code, shown.replace("\r\n", "\n")


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGHUP, signal.SIGTERM])
def test_whoever_is_ended_leaves_nothing_behind(debug, tmp_path, ending):
    """A closed terminal and a SIGTERM end the debugger, and its private directory goes."""
    private = tmp_path / "private"
    private.mkdir()
    main, sub = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_TERMINAL, sys.executable, "-m", "vcat_cli", "debug", "bad"],
        cwd=debug.project,
        stdin=sub,
        stdout=sub,
        stderr=sub,
        start_new_session=True,
        env=os.environ | {"TERM": "dumb", "TMPDIR": str(private)},
    )
    os.close(sub)
    shown = b""
    while b"(Pdb)" not in shown:
        shown += os.read(main, 65536)
    assert len(list(private.glob("vcat-debug-*"))) == 1
    if ending == signal.SIGTERM:
        process.terminate()
    else:
        os.close(main)
    assert process.wait(60) == 128 + ending
    assert list(private.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    if ending == signal.SIGTERM:
        os.close(main)


@pytest.mark.slow
def test_a_failed_stage_is_entered_where_it_raises(debug):
    """Unasked it is the stage that failed, with its variables; nothing is written."""
    before = tree(debug.project)
    code, shown = in_terminal(
        debug.project,
        ["bad"],
        [("(Pdb) ", "args"), ("(Pdb) ", "p ('total', total)"), ("(Pdb) ", "quit")],
    )

    assert code == 0
    assert "\nZeroDivisionError: division by zero\n" in shown
    assert "/project/train.py(21)fit()\n-> return total / C\n" in shown
    assert "train = [5, 6, 7]\nC = 0\n" in shown
    assert "('total', 18)" in shown
    assert tree(debug.project) == before


@pytest.mark.slow
def test_a_completed_stage_is_entered_at_its_first_line(debug):
    """Stepping passes over vcat's own functions; at the end it says what the stage returned."""
    code, shown = in_terminal(
        debug.project,
        ["good", "fit"],
        [("(Pdb) ", "args"), ("(Pdb) ", "step"), ("(Pdb) ", "continue")],
    )

    assert code == 0
    first, second = re.findall(r"^> .*\n-> .*$", shown, re.M)
    assert first.endswith('/project/train.py(19)fit()\n-> log_metric("rows", len(train))')
    assert second.endswith("/project/train.py(20)fit()\n-> total = sum(train)")
    assert "train = [5, 6, 7]\nC = 2\n" in shown
    assert "vcat: metric rows = 3\n" in shown
    assert shown.endswith("vcat: stage 'fit' returned 9.0\n")


@pytest.mark.slow
def test_stepping_to_the_end_shows_nothing_of_the_debugger(debug):
    """Whoever steps out of the function is done; a stage that raises is examined there."""
    done = debug("good", "fit", typed="next\n" * 10)
    assert (done.returncode, "bdb.py" in done.stdout) == (0, False)
    assert done.stderr.endswith("vcat: stage 'fit' returned 9.0\n")

    done = debug("bad", "fit", "--pdb", typed="continue\np total + 1\nquit\n")
    assert "(Pdb) 19\n" in done.stdout
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.slow
def test_post_mortem_of_what_does_not_raise(debug):
    """It says so, with what was returned."""
    done = debug("good", "fit", "--post-mortem")

    assert done.returncode == 0
    assert done.stderr.endswith("vcat: stage 'fit' did not raise; it returned 9.0\n")


@pytest.mark.slow
def test_running_prints_the_result(debug):
    """The repr alone is standard output; a stage finds itself in the project, as in the job."""
    before = tree(debug.project)
    done = debug("good", "report", "--run")

    assert (done.returncode, done.stdout) == (0, "(True, 9.0)\n")
    lines = done.stderr.splitlines()
    assert lines[:2] == [
        "vcat: stage 'report' (train.py:23) of job good, fit from the cache",
        "vcat: artifact notes.txt: 5 bytes, not kept",
    ]
    assert re.fullmatch(r"vcat: stage 'report' returned tuple after [\d.e-]+ s", lines[2])
    assert tree(debug.project) == before


@pytest.mark.slow
def test_running_what_raises(debug):
    """The exit code is 1, and the traceback begins in the user's code."""
    done = debug("bad", "fit", "--run")

    assert (done.returncode, done.stdout) == (1, "")
    lines = [each for each in without_paths(done.stderr).splitlines() if "^" not in each]
    assert lines == [
        "vcat: stage 'fit' (train.py:17) of job bad, split from the cache",
        "vcat: metric rows = 3",
        "Traceback (most recent call last):",
        '  File "DIR/project/train.py", line 21, in fit',
        "    return total / C",
        "ZeroDivisionError: division by zero",
    ]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("IPython") is not None, reason="IPython's shell is another one")
def test_the_shell_has_function_and_arguments(debug):
    """They are there by name, with the globals of the function; what it raises is no end."""
    done = debug("bad", "fit", "--shell", typed="fit(train, C=C)\nfit(train, 3)\nsplit\n")

    assert done.returncode == 0
    assert "6.0\n" in done.stdout
    assert (
        "vcat: fit(train, C=C) is stage 'fit'; its arguments are\n  train = [5, 6, 7]\n  C = 0\n"
    ) in done.stderr
    assert "ZeroDivisionError" in done.stderr
    done = debug("good", "load", "--shell", typed="shift(10) + count\n")
    assert "18\n" in done.stdout


@pytest.mark.slow
def test_the_code_is_that_of_the_job(debug):
    """The script was edited since: the debugger runs and shows what the job ran."""
    path = debug.project / "train.py"
    path.write_text("# edited\n" + SCRIPT.replace("return total / C", "return 'edited'"))

    done = debug("bad", "--run")
    assert done.returncode == 1
    assert '/project/train.py", line 21, in fit\n    return total / C\n' in done.stderr
    path.unlink()
    done = debug("good", "fit", typed="list 21, 21\nbreak train.py:21\ncontinue\nquit\n")
    assert " 21  \t    return total / C\n" in done.stdout
    assert "Breakpoint 1 at " in done.stdout
    assert done.stdout.count("/project/train.py(21)fit()\n-> return total / C\n") == 1


def lose_cache(project):
    """Remove all results."""
    for each in (project / ".vcat").iterdir():
        if each.name not in ("archive", "jobs", "listing"):
            shutil.rmtree(each) if each.is_dir() else each.unlink()


@pytest.mark.slow
def test_what_is_kept_nowhere_is_computed_again_if_one_wants(debug):
    """Without a terminal --compute has to say so; in one it is asked for."""
    lose_cache(debug.project)
    missing = (
        "vcat: the value of load is missing: it is not in the cache any more\n"
        "vcat: the value of split is missing: it is not in the cache any more\n"
    )
    done = debug("good", "fit", "--run")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == missing + (
        "vcat: fit needs load, split; --compute computes that again, and .persist() on a stage"
        " keeps its value in later jobs\n"
    )
    done = debug("good", "fit", "--run", "--compute")
    assert (done.returncode, done.stdout) == (0, "9.0\n")
    assert done.stderr.startswith(
        "vcat: stage 'fit' (train.py:17) of job good, split computed again\n"
    )
    done = debug("good", "load", "--run")  # which needs nothing
    assert (done.returncode, done.stdout) == (0, "[3, 4, 5, 6, 7]\n")

    question = "vcat: compute load, split again? [y/N] "
    code, shown = in_terminal(debug.project, ["good", "fit", "--run"], [(question, "y")])
    assert code == 0
    assert shown.startswith(missing + question)
    assert "\n9.0\n" in shown
    code, shown = in_terminal(debug.project, ["good", "fit", "--run"], [(question, "")])
    assert (code, "9.0" in shown) == (1, False)
    code, shown = in_terminal(debug.project, ["good", "fit", "--run"], [(question, CTRL_C)])
    assert (code, shown.partition(question)[2].strip("^C\n")) == (130, "")


@pytest.mark.slow
def test_an_input_that_cannot_be_computed_again(debug):
    """The traceback is that of the input, and a line says whose it is."""
    lose_cache(debug.project)
    done = debug("bad", "report", "--run", "--compute")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(
        "ZeroDivisionError: division by zero\n"
        "vcat: an input of report could not be computed again\n"
    )


@pytest.mark.slow
def test_an_input_that_failed_in_the_job(debug):
    """What it failed of is said, and that it does so again: --compute is no way out."""
    said = "vcat: the value of fit is missing: it failed in the job: ZeroDivisionError: division by"
    done = debug("bad", "report", "--run")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"{said} zero\n"
        "vcat: report needs fit; --compute computes that again, but fit is likely to fail again:"
        " `vcat debug bad fit` stops where it raises\n"
    )
    code, shown = in_terminal(debug.project, ["bad", "report"], [("again? [y/N] ", "n")])
    assert code == 1
    assert shown.startswith(
        f"{said} zero\n"
        "vcat: fit is likely to fail again: `vcat debug bad fit` stops where it raises\n"
        "vcat: compute fit again? [y/N] "
    )


@pytest.mark.slow
def test_inputs_that_the_job_has_no_values_of(project):
    """Items that failed, what did not run for that, and what was cut short: each says which."""
    project.write(
        "train.py",
        """\
        import os, time
        from vcat import *

        @stage
        def load(row):
            if not row:
                raise ValueError("no row")
            return row

        @stage
        def total(rows):
            return sum(rows)

        @stage
        def noisy(total):
            return total

        @stage
        def hang(row):
            print("begun", flush=True)
            while True:
                time.sleep(0.1)

        if __name__ == "__main__":
            job = noisy(total(load.map([1, 0]))).run(job_name="bad")
            job.wait_for_deployment_to_complete()
            job = noisy(hang(1)).run(job_name="hanging")
            next(job.logs(follow=True))
            job.cancel()
        """,
    )
    project.run("train.py")
    done = project.run("-m", "vcat_cli", "debug", "bad", "noisy", "--run", check=False)
    assert done.stderr == (
        "vcat: the value of load[1] is missing: it failed in the job: ValueError: no row\n"
        "vcat: the value of total is missing: it did not run in the job\n"
        "vcat: noisy needs load[1], total; --compute computes that again, but load[1] is likely to"
        " fail again: `vcat debug bad 'load[1]'` stops where it raises\n"
    )
    done = project.run("-m", "vcat_cli", "debug", "hanging", "noisy", "--run", check=False)
    assert done.stderr == (
        "vcat: the value of hang is missing: it was cut short when the job ended\n"
        "vcat: noisy needs hang; --compute computes that again, and .persist() on a stage"
        " keeps its value in later jobs\n"
    )


@pytest.mark.slow
def test_another_result_in_the_cache_is_not_the_input(project):
    """A stage that read a file has another result once the file changed: not the job's input.

    And what a stage persists is there whatever happened to the cache.
    """
    project.write("data.txt", "1")
    project.write(
        "train.py",
        """\
        from vcat import *

        @stage
        def read():
            return open("data.txt").read()

        @stage
        def kept():
            return "kept"

        @stage
        def use(text, other):
            return text + other

        if __name__ == "__main__":
            use(read(), kept().persist()).run().wait_for_deployment_to_complete()
        """,
    )
    project.run("train.py")
    project.write("data.txt", "22")
    project.run("train.py")
    names = project.ask("print(json.dumps([each.job_name for each in list_jobs()]))")

    def debug(*words):
        return project.run("-m", "vcat_cli", "debug", *words, check=False)

    done = debug(names[0], "use", "--run")
    assert (done.returncode, done.stdout) == (0, "'22kept'\n")
    assert done.stderr.startswith(
        f"vcat: stage 'use' (train.py:11) of job {names[0]}, read from the cache,"
        " kept from the archive\n"
    )
    done = debug(names[1], "use", "--run")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        "vcat: the value of read is missing: the cache has another result by now: what the stage"
        " read changed"
    )
    done = debug(names[1], "use", "--run", "--compute")
    assert (done.returncode, done.stdout) == (0, "'1kept'\n")  # with the job's own data.txt


@pytest.mark.slow
def test_what_is_computed_again_leaves_the_arguments_of_others_as_they_were(project):
    """One list is an argument of several stages, two of which change it, and of the one wanted."""
    project.write(
        "train.py",
        """\
        from vcat import *

        @stage(cache=False)
        def grow(found):
            found.append(1)
            return len(found)

        @stage
        def use(size, sizes, found):
            return size, sizes, found

        found = [0]
        if __name__ == "__main__":
            end = use(grow(found), grow.map([found, found]), found)
            print(end.run(job_name="one").fetch_job_results())
        """,
    )
    expected = "(2, [2, 2], [0])\n"
    assert project.run("train.py").stdout == expected
    done = project.run("-m", "vcat_cli", "debug", "one", "use", "--run", "--compute", check=False)
    assert (done.returncode, done.stdout) == (0, expected)


@pytest.mark.slow
def test_a_cancelled_job_can_be_debugged(project):
    """Ctrl-C stops a stage that hangs, and the debugger is where it was found."""
    project.write(
        "train.py",
        """\
        import time
        from vcat import *

        @stage
        def hang(seconds):
            began = seconds
            print("begun", flush=True)
            while True:  # what arrives just before a system call does not interrupt it
                time.sleep(0.1)

        if __name__ == "__main__":
            deployment = hang(600).run(job_name="hanging")
            next(deployment.logs(follow=True))
            deployment.cancel()
        """,
    )
    project.run("train.py")
    code, shown = in_terminal(
        project.directory,
        ["hanging", "hang"],
        [("begun", CTRL_C), ("(Pdb) ", "p began"), ("(Pdb) ", "q")],
    )
    assert code == 0
    assert "KeyboardInterrupt" in shown
    assert "\n600\n" in shown
    # Where it is only called, that is its end.
    words = ["hanging", "hang", "--run"]
    code, shown = in_terminal(project.directory, words, [("begun", CTRL_C)])
    assert code == 130
    assert shown.endswith("\nKeyboardInterrupt\n")


@pytest.mark.slow
def test_which_stage_is_meant(debug):
    """An id, or the one beginning that fits; every mistake says what there is."""
    for words, text in (
        (
            ["good"],
            "no stage of job good has failed; name one of load, split, split[1], fit, report",
        ),
        (
            ["good", "fitt"],
            "job good has no stage 'fitt'; did you mean 'fit'? Stages: load, split, split[1], fit,"
            " report",
        ),
        (
            ["good", "spl"],
            "2 stages of job good have an id that begins with 'spl': split, split[1]",
        ),
    ):
        done = debug(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"vcat: debug: {text}\n"
    done = debug("good", "rep", "--run")
    assert done.stdout == "(True, 9.0)\n"


def archived(project, job, name):
    """The file of the archive of *project* that has *name* for *job*."""
    (path,) = (
        each
        for each in project.rglob("*")
        if each.match(f"{job}/**/{name}") or (each.name == name and job in each.parts)
    )
    return path


@pytest.mark.slow
def test_what_a_job_has_not_left(debug):
    """Source, functions and arguments, or a Python that can read them: each lack has its remedy."""
    path = archived(debug.project, "good", "definition.json")
    definition = path.read_text()
    here = "{}.{}".format(*sys.version_info)
    for python, shown in (("3.9", "3.9"), (None, "another version")):
        path.write_text(definition.replace(f'"python":"{here}"', f'"python":{json.dumps(python)}'))
        done = debug("good", "fit", "--run")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"vcat: job good was made by Python {shown}, this is {here} ({sys.executable}); install"
            f" vcat for a Python {shown} and debug the job with that\n"
        )
    path.write_text(definition)
    archived(debug.project, "good", "values.bin").unlink()
    assert debug("good", "fit", "--run").stderr == (
        "vcat: job good has left no functions and arguments in its archive: an earlier vcat"
        " submitted it, or the archive has lost them; run its script again\n"
    )
    archived(debug.project, "good", "job_source.tgz").unlink()
    assert debug("good", "fit", "--run").stderr == (
        "vcat: job good has left no source in its archive: it ended before its first stage, or the"
        " archive has lost it; run its script again\n"
    )


@pytest.mark.slow
def test_code_that_cannot_be_restored_here(project):
    """A module that the job had and that is not there now is named, with what to do."""
    project.write("../elsewhere/outside.py", "def work():\n    return 1\n")
    project.write(
        "train.py",
        """\
        import sys
        sys.path.insert(0, "../elsewhere")
        from outside import work
        from vcat import *
        stage(work)().run(job_name="far").wait_for_deployment_to_complete()
        """,
    )
    project.run("train.py")
    done = project.run("-m", "vcat_cli", "debug", "far", "work", "--run", check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "vcat: the code of job far cannot be restored here: ModuleNotFoundError: No module named"
        " 'outside'; debug it where what it imports is installed (this is"
        f" {sys.executable})\n"
    )


@pytest.mark.slow
def test_an_item_of_a_map(project):
    """It has its own inputs, of lists, of stages' values and of other maps; a map names its items.

    Random numbers start where they did in the job.
    """
    project.write(
        "train.py",
        """\
        from vcat import *

        @stage
        def files():
            return [10, 20, 0]

        @stage
        def load(size, unit):
            import random
            print("drew", random.random(), flush=True)
            return size * unit

        @stage
        def share(whole, name, of):
            return name, of / whole

        @stage
        def lines(loaded):
            return len(loaded)

        loaded = load.map(files(), unit=2)
        count = lines(loaded)
        end = share.map(loaded, ["a", "b", "c"], of=count)

        if __name__ == "__main__":
            end.run(job_name="maps").wait_for_deployment_to_complete()
        """,
    )
    project.run("train.py")

    def debug(*words):
        return project.run("-m", "vcat_cli", "debug", "maps", *words, check=False)

    done = debug("share[1]", "--run")
    assert (done.returncode, done.stdout) == (0, "('b', 0.075)\n")
    assert done.stderr.startswith(
        "vcat: stage 'share[1]' (train.py:13) of job maps, load[1] from the cache, lines from the"
        " cache\n"
    )
    log = project.ask("print(json.dumps(get_job('maps').logs()))")
    drew = [each for each in log.splitlines() if each.startswith("drew ")]
    done = debug("load[1]", "--run")
    assert done.stdout == f"{drew[1]}\n40\n"
    assert ", files from the cache\n" in done.stderr
    done = debug("lines", "--run")
    assert (done.returncode, done.stdout) == (0, "3\n")
    assert ", load from its items\n" in done.stderr
    for words in ([], ["share"]):  # the item that failed is meant
        done = debug(*words, "--run")
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("ZeroDivisionError: ")
    done = debug("load")
    assert (done.returncode, done.stderr) == (
        2,
        "vcat: debug: load is a map, which calls its function for each item; name one of load[0] to"
        " load[2]\n",
    )
    lose_cache(project.directory)
    done = debug("share[1]", "--run", "--compute")
    assert done.stdout == f"{drew[1]}\n{drew[0]}\n{drew[2]}\n('b', 0.075)\n"
