"""Failed jobs say what was raised, where, and what did not run."""

import os

import pytest

SCRIPT = """
    from vcat import *
    from helper import check

    @stage
    def load():
        print("a line of the log")
        return 3

    @stage
    def fit(x):
        return check(x)

    @stage
    def score(model):
        return model

    deployment = score(fit(load())).run(job_name="bad")
    try:
        deployment.fetch_job_results()
    except RemoteException as error:
        print(error)
"""


def test_a_failed_job_raises_what_its_stage_raised(project):
    """First line, user frames, cause, stage and log; the stage after it did not run."""
    project.write("train.py", SCRIPT)
    project.write(
        "helper.py",
        """\
        def check(x):
            try:
                return {}[x]
            except KeyError as error:
                raise ValueError(f"bad input {x}") from error
        """,
    )
    assert project.run("train.py").stdout == (
        "ValueError: bad input 3\n"
        "  train.py:12 in fit\n"
        "    return check(x)\n"
        "  helper.py:5 in check\n"
        '    raise ValueError(f"bad input {x}") from error\n'
        "  caused by KeyError: 3\n"
        "  helper.py:3 in check\n"
        "    return {}[x]\n"
        "in stage 'fit' (train.py:10) of job bad\n"
        "full log: vcat logs bad\n"
    )
    read = project.ask(
        """
        job = get_job("bad")
        print(json.dumps({
            "status": job.get_job_status(),
            "stages": [[each.id, each.status, each.error] for each in job.stages()],
            "log": job.logs(),
            "listed": [[each.state, each.reason] for each in list_jobs()],
            "provenance": [each["status"] for each in job.provenance()["stages"]],
        }))
        """
    )
    assert read["status"] == "failed"
    assert read["stages"] == [
        ["load", "completed", None],
        ["fit", "failed", "ValueError: bad input 3"],
        ["score", "not run", None],
    ]
    assert read["log"].startswith("a line of the log\nTraceback (most recent call last):\n")
    assert read["log"].endswith("ValueError: bad input 3\n")
    assert read["listed"] == [["failed", "ValueError: bad input 3"]]
    assert read["provenance"] == ["completed", "failed", "not run"]


def test_a_result_that_cannot_be_pickled_fails_the_job(project):
    """The message is the one an argument gets; the finished stages keep their records."""
    project.write(
        "train.py",
        """\
        import threading
        from vcat import *

        def load():
            return 1

        def model(x):
            return {"model": [threading.Lock()]}

        deployment = (pipeline | load | model).run()
        try:
            deployment.fetch_job_results()
        except RemoteException as error:
            print(str(error).splitlines()[0])
        print([(each.id, each.status) for each in deployment.stages()])
        """,
    )
    assert project.run("train.py").stdout == (
        "UnpicklableError: stage 'model' (train.py:7): result cannot be sent back:"
        " result['model'][0]: cannot pickle '_thread.lock' object; return something that can be"
        " pickled\n"
        "[('load', 'completed'), ('model', 'failed')]\n"
    )


@pytest.mark.parametrize(
    ("body", "first", "status"),
    [
        ("sys.exit(0)", "SystemExit: 0", "failed"),
        ("os._exit(3)", "job NAME failed: exit code 3 while stage leave ran", "failed"),
        (
            "os._exit(0)",
            "job NAME failed: it ended with exit code 0 while stage leave ran but left no result",
            "failed",
        ),
        (
            "os.kill(os.getpid(), 9)",
            "job NAME failed: killed by signal 9 (SIGKILL) while stage leave ran",
            "failed",
        ),
        (
            "os.kill(os.getpid(), 11)",
            "job NAME failed: killed by signal 11 (SIGSEGV) while stage leave ran",
            "failed",
        ),
    ],
)
def test_no_way_of_leaving_is_taken_for_success(project, body, first, status):
    """Whatever the user's code does to the process, the state is truthful and the log is kept."""
    project.write(
        "train.py",
        f"""\
        import os, sys
        from vcat import *

        def leave():
            print("last words")
            {body}

        deployment = stage(leave)().run()
        try:
            print("result", deployment.fetch_job_results())
        except RemoteException as error:
            print(str(error).replace(deployment.job_name, "NAME"))
        print(deployment.get_job_status(), [each.status for each in deployment.stages()])
        print(list_jobs()[0].state)
        """,
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    lines = project.run("train.py", env=environment).stdout.splitlines()
    assert lines[0] == first
    assert lines[-2:] == [f"{status} ['failed']", status]
    if first.startswith("job"):
        assert "last words" in "\n".join(lines[1:-2])


def test_a_cancelled_job_says_so(project):
    """``cancel()`` ends the job, and asking for its result says that it was cancelled."""
    project.write(
        "train.py",
        """\
        import time
        from vcat import *

        def wait():
            print("begun", flush=True)
            time.sleep(600)

        deployment = stage(wait)().run()
        next(deployment.logs(follow=True))
        deployment.cancel()
        deployment.cancel()
        try:
            deployment.fetch_job_results()
        except RemoteException as error:
            print(str(error).replace(deployment.job_name, "NAME"))
        print(deployment.get_job_status())
        """,
    )
    lines = project.run("train.py").stdout.splitlines()
    # Between these two the shell says how its child ended, in the words of the system.
    reason = "job NAME was cancelled: ended by signal 15 (SIGTERM)"
    assert lines[:3] == [reason, "last lines of its log:", "  begun"]
    assert lines[-2:] == ["full log: vcat logs NAME", "cancelled"]


def test_a_stage_that_cannot_be_imported_in_the_job_is_explained(project):
    """A module that is not in the project fails the job before its first stage, with the reason."""
    project.write("../elsewhere/outside.py", "def f():\n    return 1\n")
    project.write(
        "train.py",
        """\
        import sys
        sys.path.insert(0, "../elsewhere")
        from outside import f
        from vcat import *
        deployment = stage(f)().run(job_name="far")
        try:
            deployment.fetch_job_results()
        except RemoteException as error:
            print(error)
        """,
    )
    lines = project.run("train.py").stdout.splitlines()
    assert lines == [
        "ModuleNotFoundError: No module named 'outside'",
        "before the first stage of job far",
        "full log: vcat logs far",
    ]
    log = project.ask("print(json.dumps(get_job('far').logs()))")
    assert log == "ModuleNotFoundError: No module named 'outside'\n"


def test_a_module_that_leaves_while_the_job_imports_it_fails_the_job(project):
    """``sys.exit(0)`` is no result there either, and the log says where it was called."""
    project.write(
        "leaving.py",
        """        import os, sys
        if "VCAT_SUPERVISED" in os.environ:
            if (pid := os.fork()) == 0:
                sys.exit(5)
            print("child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
            sys.exit(0)
        def f():
            return 1
        """,
    )
    project.write(
        "train.py",
        """        from leaving import f
        from vcat import *
        deployment = stage(f)().run(job_name="left")
        try:
            deployment.fetch_job_results()
        except RemoteException as error:
            print(str(error).splitlines()[0])
        print(deployment.get_job_status(), deployment.provenance()["complete"])
        print(deployment.logs().count("Traceback"), deployment.logs().splitlines()[0])
        """,
    )
    assert project.run("train.py").stdout.splitlines() == [
        "SystemExit: 0",
        "failed True",
        "1 child 5",
    ]


def test_a_stage_may_close_what_it_prints_to(project):
    """The job has its result all the same."""
    project.write(
        "train.py",
        """\
        import sys
        from vcat import *

        def rude():
            sys.stdout.close()
            sys.stderr = object()
            return 1

        print(stage(rude)().run().fetch_job_results())
        """,
    )
    assert project.run("train.py").stdout == "1\n"


@pytest.mark.parametrize("executor", ["", "vcat.ProcessPoolExecutor"])
def test_a_traceback_shows_what_ran_and_begins_with_it(project, executor):
    """Whatever is in the file since, also where a stage prints it itself; nothing of it is ours."""
    if executor:
        project.write(
            "my.config.yaml", f"execution_implementation: {{executor_type: {executor}}}\n"
        )
    script = project.write(
        "train.py",
        """\
        import traceback
        from vcat import *

        @stage(cache=False)
        def fails(script):
            with open(script, "w") as file:
                file.write("# edited since\\n" * 30)
            try:
                int("x")
            except ValueError:
                traceback.print_exc()
                raise KeyError("no")

        if __name__ == "__main__":
            fails(__file__).run(job_name="bad").wait_for_deployment_to_complete()
        """,
    )
    project.run("train.py")
    log = project.ask("print(json.dumps(get_job('bad').logs()))")
    lines = [each for each in log.splitlines(keepends=True) if each.strip(" ^~\n") or each == "\n"]
    inner = (
        "Traceback (most recent call last):\n"
        f'  File "{script}", line 9, in fails\n'
        '    int("x")\n'
        "ValueError: invalid literal for int() with base 10: 'x'\n"
    )
    outer = (
        "\nDuring handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        f'  File "{script}", line 12, in fails\n'
        '    raise KeyError("no")\n'
        "KeyError: 'no'\n"
    )
    assert "".join(lines) == inner + inner + outer
