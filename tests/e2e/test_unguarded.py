"""What a job imports may not submit the next job; what a stage calls may."""

import pytest

pytestmark = pytest.mark.slow

# Where nothing refuses it, this goes on to the third job instead of for ever.
MODULE = """\
import vcat

@vcat.stage
def double(x):
    return 2 * x

if len(vcat.list_jobs()) < 3:
    {call}
"""

SCRIPT = """\
from helper import double

from vcat import *

if __name__ == "__main__":
    double(20).run(job_name="outer").wait_for_deployment_to_complete()
"""

RUN = "double(1).run().wait_for_deployment_to_complete()"

CALLS = {
    "run": RUN,
    "run_same_process": "double(1).run_same_process()",
    "submit_command": 'vcat.submit_command(["true"]).wait_for_deployment_to_complete()',
    "rerun_job": "[vcat.rerun_job(each.job_name) for each in vcat.list_jobs()]",
}


def refused(call, place="helper.py:8", where="in a job where no stage runs", again="every job"):
    """The refusal of a call."""
    return (
        f"{place}: {call}() is called {where}, as when the module is imported: {again} would do so"
        ' again; put the call under `if __name__ == "__main__":`'
    )


def rows(project):
    """The jobs of the project, the newest first, each with its state and its reason."""
    code = "print(json.dumps([[each.job_name, each.state, each.reason] for each in list_jobs()]))"
    return project.ask(code)


@pytest.mark.parametrize("call", CALLS)
def test_a_job_that_imports_a_call_fails_of_it(project, call):
    """It says where the call is, and no job follows it; whatever submits is refused."""
    project.write("helper.py", MODULE.format(call=CALLS[call]))
    project.write("train.py", SCRIPT)
    project.run("train.py")
    jobs = rows(project)
    assert jobs[0] == ["outer", "failed", f"VcatError: {refused(call)}"]
    # The script itself has imported the module before, and may.
    assert len(jobs) == (2 if call in ("run", "submit_command") else 1)


def test_debugging_such_a_job_submits_nothing_either(project):
    """Its functions are restored as they are in a job."""
    project.write("helper.py", MODULE.format(call=CALLS["run"]))
    project.write("train.py", SCRIPT)
    project.run("train.py")
    before = rows(project)
    project.write("debug.py", "import vcat\nprint(vcat.debug_stage('outer', 'double', 'run'))")
    done = project.run("debug.py")
    assert (done.stdout, done.stderr) == ("1\n", f"vcat: {refused('run')}\n")
    assert rows(project) == before


def test_a_worker_does_not_start_workers_by_what_it_imports(project):
    """It is refused where there is no job too, as the workers of those would import it as well."""
    project.use_workers(1)
    project.write(
        "helper.py",
        """\
        import os
        import vcat

        @vcat.stage
        def double(x):
            return 2 * x

        if (begun := len([each for each in os.listdir() if each.startswith("begun")])) < 3:
            open(f"begun{begun}", "x").close()
            double(1).run_same_process()
        """,
    )
    project.write("train.py", "import helper\n")
    done = project.run("train.py", check=False)
    assert refused("run_same_process", "helper.py:10") in done.stderr
    assert not (project.directory / "begun2").exists()


def test_a_stage_that_imports_a_call_submits_one_job(project):
    """A stage may submit jobs by whatever it calls; what that job imports may not."""
    project.write("helper.py", MODULE.format(call=RUN))
    project.write(
        "train.py",
        """
        from vcat import *

        @stage
        def outer():
            from helper import double

            return len(list_jobs())

        if __name__ == "__main__":
            print(outer().run(job_name="outer").fetch_job_results())
        """,
    )
    assert project.run("train.py").stdout == "2\n"
    inner, outer = rows(project)
    assert inner[1:] == ["failed", f"VcatError: {refused('run')}"]
    assert outer == ["outer", "completed", None]


def test_a_process_of_multiprocessing_does_not_run_the_script_anew(project):
    """It imports the script, in a job too, where a call without a guard would submit the next."""
    project.write(
        "train.py",
        """\
        import multiprocessing
        import vcat

        @vcat.stage
        def spawn():
            process = multiprocessing.get_context("spawn").Process(target=abs, args=(-1,))
            process.start()
            process.join()
            return process.exitcode

        if len(vcat.list_jobs()) < 3:
            print(spawn().run().fetch_job_results())
        """,
    )
    assert project.run("train.py").stdout == "1\n"
    (name, state, _), *others = rows(project)
    assert (state, others) == ("completed", [])
    where = "in a process that multiprocessing has started"
    log = project.ask(f"print(json.dumps(get_job({name!r}).logs()))")
    assert refused("run", "train.py:12", where, "every one") in log


POOLS = {
    "ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn'))": (
        "BrokenProcessPool: A process in the process pool was terminated abruptly"
    ),
    "multiprocessing.get_context('spawn').Pool(1)": "TimeoutError: timed out after 3 seconds",
}


@pytest.mark.parametrize("pool", POOLS)
def test_what_becomes_of_that_is_up_to_the_pool(project, pool):
    """One fails, one starts process after process until time is up; the log says why."""
    project.write(
        "train.py",
        f"""\
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        import vcat

        @vcat.stage(timeout=3)
        def spawn():
            with {pool} as pool:
                return list(pool.map(abs, [-1]))

        if len(vcat.list_jobs()) < 3:
            spawn().run().wait_for_deployment_to_complete()
        """,
    )
    project.run("train.py")
    (name, state, reason), *others = rows(project)
    assert (state, others) == ("failed", [])
    assert reason.startswith(POOLS[pool])
    where = "in a process that multiprocessing has started"
    log = project.ask(f"print(json.dumps(get_job({name!r}).logs()))")
    assert refused("run", "train.py:11", where, "every one") in log
