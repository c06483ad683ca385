"""What workers have completed when their job is cancelled is recorded whole, however late it is."""

import pytest

# While the job packs what is for the second stage, the first one completes; then the job is ended.
SCRIPT = """\
    import gc, os, signal, time
    from vcat import *

    class Slow:
        def __reduce__(self):
            if "IN_JOB" in os.environ:
                from vcat._running.workers.crew import Crew
                (crew,) = [each for each in gc.get_objects() if isinstance(each, Crew)]
                while not crew.has_answers:
                    time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGTERM)
            return Slow, ()

    @stage(persist=True)
    def first():
        log_metric("rows", 3)
        set_tag("kind", "test")
        with open("note.txt", "w") as file:
            file.write("made")
        log_artifact("note.txt")
        return "value"

    @stage(cache=False)
    def second(slow):
        return 1

    @stage(cache=False)
    def both(*parts):
        return parts

    if __name__ == "__main__":
        job = both(first(), second(Slow())).run(job_name="late")
        job.wait_for_deployment_to_complete(timeout=60)
"""

READ = """
    job = get_job("late")
    archive = job._archive
    outcome = archive.fetch_document("outcome")
    (row,) = list_jobs()
    print(json.dumps({
        "state": [job.status().state, job.status().reason],
        "stages": [[each.id, each.status, each.cut_short] for each in job.stages()],
        "first": job.provenance()["stages"][0],
        "values": [[each["number"], each["size"]] for each in outcome["values"]],
        "artifacts": {name: each["size"] for name, each in outcome["artifacts"].items()},
        "listed": [row.metrics, row.tags],
        "ended": [e["number"] for e in job.events() if e["event"] == "stage ended"],
        "value": job.value_of("first"),
    }))
"""


@pytest.mark.slow
def test_a_stage_that_had_completed_when_its_job_was_cancelled_is_recorded_whole(project):
    """As it would be if the job had taken its answer at once: with its key, values and reports."""
    project.use_workers(2)
    project.write("vcat.config.yaml", "run_script_environment: {IN_JOB: '1'}\n")
    project.write("main.py", SCRIPT)
    project.run("main.py")
    read = project.ask(READ)
    assert read["state"] == ["cancelled", "ended by signal 15 (SIGTERM)"]
    assert read["stages"] == [
        ["first", "completed", False],
        ["second", "not run", False],
        ["both", "not run", False],
    ]
    first = read["first"]
    assert first["status"] == "completed"
    assert first["key_parts"]["code"]
    assert first["lookup"] == {"outcome": "absent"}
    assert first["observed"] == {}
    assert first["max_memory_bytes"] > 0
    assert [each[0] for each in read["values"]] == [0]
    assert read["artifacts"] == {"note.txt": 4}
    assert read["listed"] == [{"rows": 3}, {"kind": "test"}]
    assert read["ended"] == [0]
    assert read["value"] == "value"
