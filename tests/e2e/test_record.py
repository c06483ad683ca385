"""What a job writes down of its stages: attempts, seeds, what each printed, and when it does."""

import random


def test_every_attempt_is_written_down(project):
    """Events, provenance and the logs have all of them; the cache entry the last one."""
    project.write(
        "train.py",
        """\
        import random, sys
        from vcat import *

        @stage(retries=3, retry_delay=0.01, retry_on=(OSError, KeyError), seed=5)
        def flaky():
            before = sys.calls = getattr(sys, "calls", -1) + 1
            print("call", before, random.random())
            if before < 2:
                raise [ConnectionError("refused"), KeyError("row")][before]
            return before

        name = sys.argv[1]
        print(flaky().run(job_name=name).fetch_job_results())
        """,
    )
    assert project.run("train.py", "first").stdout == "2\n"
    read = project.ask(
        """
        job = get_job("first")
        (stage,) = job.provenance()["stages"]
        print(json.dumps({
            "events": [e for e in job.events() if e["event"] == "stage failed"],
            "stage": stage,
            "log": job._archive.fetch_log("stage-000000.log").decode(),
            "output": job._archive.fetch_log("output.log").decode(),
        }))
        """
    )
    told = [(e["number"], e["attempt"], e["error"], e["delay"]) for e in read["events"]]
    assert told == [
        (0, 1, "ConnectionError: refused", 0.01),
        (0, 2, "KeyError: 'row'", 0.01),
    ]
    assert read["stage"]["errors"] == ["ConnectionError: refused", "KeyError: 'row'"]
    assert (read["stage"]["attempts"], read["stage"]["seed"]) == (3, 5)
    drawn = random.Random(5).random()
    calls = [f"call {each} {drawn}\n" for each in range(3)]
    label = "vcat: stage 'flaky' (train.py:4)"
    told = (
        f"{label}: attempt 1 failed: ConnectionError: refused; again in 0.01 s\n",
        f"{label}: attempt 2 failed: KeyError: 'row'; again in 0.01 s\n",
    )
    assert read["output"] == calls[0] + told[0] + calls[1] + told[1] + calls[2]
    again = project.run("train.py", "second").stdout
    log = project.ask('print(json.dumps(get_job("second").logs()))')
    assert (again, log.splitlines()[1:]) == ("2\n", [calls[2].strip()])
    marks = [f"{text}[vcat: attempt {number}]\n" for number, text in enumerate(told, 2)]
    assert read["log"] == calls[0] + marks[0] + calls[1] + marks[1] + calls[2]


def test_a_cached_stage_has_a_log_of_what_it_printed(project):
    """Whether it runs or not, a stage's log tells what there is to tell; a failed one's, why."""
    project.write(
        "train.py",
        """\
        from vcat import *

        def speak():
            print("said")
            return 1

        def silent(x):
            return x

        @stage(cache=False)
        def fails(x):
            print("about to fail")
            raise ValueError("no")

        for name in ("one", "two"):
            fails(stage(silent)(stage(speak)())).run(job_name=name).wait_for_deployment_to_complete()
        """,
    )
    project.run("train.py")
    logs = project.ask(
        """
        def logs(name):
            archive = get_job(name)._archive
            found = [archive.fetch_log(f"stage-{number:06d}.log") for number in range(3)]
            return [each and each.decode() for each in found]
        print(json.dumps([logs("one"), logs("two")]))
        """
    )
    assert logs[0][:2] == ["said\n", None]
    assert logs[0][2].startswith("about to fail\nTraceback (most recent call last):\n")
    assert logs[0][2].endswith("ValueError: no\n")
    assert logs[1][:2] == [
        "vcat: stage 'speak' (train.py:3) is cached; in job one it printed:\nsaid\n",
        None,
    ]


def test_seeds_are_recorded_and_the_same_in_any_process(project):
    """Of every stage that was called; a result in a job is the one in the script's process."""
    project.write(
        "train.py",
        """\
        import random
        from vcat import *

        @stage
        def drawn(x):
            return x, random.random(), stage_seed()

        @stage(cache=False)
        def uncached(x):
            return x, random.random(), stage_seed()

        here = drawn(1).run_same_process()
        deployment = uncached(drawn(1).disable_caching()).run(job_name="job")
        deployment.wait_for_deployment_to_complete()
        again = drawn(2).run(job_name="cached").fetch_job_results()
        print(here[2] == int(stage(drawn.function)(1).run_same_process()[2]))
        print(again == drawn(2).run_same_process(), again[1] == random.Random(again[2]).random())
        print(deployment.fetch_job_results())
        """,
    )
    same, cached, uncached = project.run("train.py").stdout.splitlines()
    assert (same, cached) == ("True", "True True")
    read = project.ask(
        """
        print(json.dumps({name: [
            [each.get("seed"), each.get("key")] for each in get_job(name).provenance()["stages"]
        ] for name in ("job", "cached")}))
        """
    )
    ((seed, key),) = read["cached"]
    assert seed == int(key[:16], 16)
    first, second = (each[0] for each in read["job"])
    assert first != second
    assert uncached.endswith(f"{random.Random(second).random()}, {second})")


def test_what_is_known_is_written_down_while_stages_run(project):
    """A job that is killed leaves the keys of the stages that ended some time before."""
    project.write(
        "train.py",
        """\
        import gc, os
        from vcat import *

        def hurry():
            running = [e for e in gc.get_objects() if type(e).__name__ == "_RunningJob"]
            running[0].refresh_at = 0.0
            return 1

        def killed(x):
            os.kill(os.getpid(), 9)

        deployment = (pipeline | hurry | killed).run(job_name="killed")
        deployment.wait_for_deployment_to_complete()
        """,
    )
    project.run("train.py")
    read = project.ask(
        """
        document = get_job("killed").provenance()
        explained = vcat.explain_job("killed")
        print(json.dumps({
            "complete": document["complete"],
            "stages": [[e["status"], bool(e.get("key_parts"))] for e in document["stages"]],
            "why": [explained.complete, [e.status for e in explained.stages]],
        }))
        """
    )
    assert read["complete"] is False
    assert read["stages"] == [["completed", True], ["not run", False]]
    assert read["why"] == [False, ["completed", "failed"]]


def test_garbage_is_looked_for_while_stages_run(project):
    """That it is not while the job begins ends before the project's own code."""
    project.write("mine.py", "import gc, os\n\nIMPORTED = os.getpid(), gc.isenabled()\n")
    project.write(
        "train.py",
        """\
        import gc, os
        import mine
        from vcat import *

        def look():
            return mine.IMPORTED == (os.getpid(), True), gc.isenabled()

        print((pipeline | look).run().fetch_job_results())
        """,
    )
    assert project.run("train.py").stdout == "(True, True)\n"


def test_a_cancelled_job_is_one_to_compare_with(project):
    """``vcat why`` tells what has changed since it, as of any job."""
    project.write(
        "train.py",
        """\
        import os, signal, sys
        from vcat import *

        def first(x):
            return x

        @stage(cache=False)
        def second(x):
            if x == 1:
                os.kill(os.getpid(), signal.SIGTERM)

        x = int(sys.argv[1])
        second(stage(first)(x)).run(job_name=f"job{x}").wait_for_deployment_to_complete()
        """,
    )
    project.run("train.py", "1")
    project.run("train.py", "2")
    read = project.ask(
        """
        explained = vcat.explain_job("job2").stages[0]
        print(json.dumps([
            get_job("job1").provenance()["complete"], explained.last_job,
            [each.text for each in explained.reasons],
        ]))
        """
    )
    assert read == [True, "job1", ["argument x 1 -> 2"]]


def test_another_seed_is_a_reason_to_run(project):
    """``vcat why`` says so."""
    project.write(
        "train.py",
        """\
        import sys
        from vcat import *

        for number, seed in enumerate([None, 1, 2, None]):
            stage(len, seed=seed)("ab").run(job_name=f"job{number}").fetch_job_results()
        """,
    )
    project.run("train.py")
    said = project.ask(
        """
        jobs = [vcat.explain_job(f"job{number}").stages[0] for number in (1, 2, 3)]
        print(json.dumps([[each.text for each in stage.reasons] for stage in jobs]))
        """
    )
    assert said == [["seed 1 is new"], ["seed 1 -> 2"], []]


def test_workers_keep_the_same_records(project):
    """What a stage prints, draws and tries again is the same in another process."""
    project.write(
        "train.py",
        """\
        import random, sys
        from vcat import *

        @stage(seed=3, retries=1, cache=False)
        def drawn(name):
            sys.calls = getattr(sys, "calls", 0) + 1
            print(name, random.random())
            if sys.calls == 1:
                raise OSError("once")
            return name, stage_seed()

        print(drawn("a").run(job_name=sys.argv[1]).fetch_job_results())
        """,
    )
    ask = """
        job = get_job(NAME)
        (stage,) = job.provenance()["stages"]
        log = job._archive.fetch_log("stage-000000.log").decode()
        print(json.dumps([stage["seed"], stage["errors"], stage["attempts"], log]))
    """
    said = [project.run("train.py", "here").stdout]
    project.use_workers(1)
    said.append(project.run("train.py", "there").stdout)
    assert said == ["('a', 3)\n"] * 2
    here, there = (project.ask(ask.replace("NAME", repr(name))) for name in ("here", "there"))
    drawn = random.Random(3).random()
    assert here == there
    told = "vcat: stage 'drawn' (train.py:4): attempt 1 failed: OSError: once; again\n"
    log = f"a {drawn}\n{told}[vcat: attempt 2]\na {drawn}\n"
    assert here == [3, ["OSError: once"], 2, log]


def test_a_call_whose_worker_died_is_told_as_any_that_failed(project):
    """The log of the job says of which item it was, how its process ended, and what follows."""
    project.write(
        "train.py",
        """\
        import os
        from vcat import *

        @stage(retries=1, cache=False)
        def dies(name):
            print("call", flush=True)
            if not os.path.exists(name):
                open(name, "w").close()
                os.kill(os.getpid(), 9)
            return name

        print(dies.map([os.path.abspath("once")]).run(job_name="job").fetch_job_results())
        """,
    )
    project.use_workers(1)
    project.run("train.py")
    job = "get_job('job')"
    log, (whole, item) = project.ask(
        f"print(json.dumps([{job}.logs(), [e.attempts for e in {job}.stages()]]))"
    )
    assert log == (
        "call\nvcat: item 0 of stage 'dies' (train.py:4): attempt 1 failed: WorkerEndedError: its"
        " process was killed by signal 9 (SIGKILL); again\ncall\n"
    )
    assert (whole, item) == (0, 2)
