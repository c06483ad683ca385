"""Two jobs that need the same result: the second waits for it, and says so and for whom."""

import json
import sys

import pytest

SCRIPT = """\
    import json, os, time
    from vcat import *

    @stage
    def one():
        open(os.environ["MARKS"] + "/begun", "w").close()
        while not os.path.exists(os.environ["MARKS"] + "/go"):
            time.sleep(0.01)
        return 1

    @stage
    def two(x):
        return x + 1

    def wait_until(is_so):
        end = time.monotonic() + 60
        while not is_so():
            assert time.monotonic() < end
            time.sleep(0.01)

    if __name__ == "__main__":
        from vcat._looking.progress import measure
        first = two(one()).run(job_name="first")
        wait_until(lambda: os.path.exists(os.environ["MARKS"] + "/begun"))
        second = two(one()).run(job_name="second")
        told = lambda: [each for each in second.events() if each["event"] == "stage waiting"]
        wait_until(told)
        definition = second._archive.fetch_document("definition")
        waits = [each.waits_for for each in second.stages()]
        row = next(each for each in list_jobs() if each.job_name == "second")
        measured = measure(list(second.events()), row, definition, None)
        open(os.environ["MARKS"] + "/go", "w").close()
        for each in (first, second):
            each.wait_for_deployment_to_complete(timeout=60)
        after = measure(list(second.events()), row, definition, None)
        print(json.dumps({
            "told": [[each["number"], each.get("job")] for each in told()],
            "running": [[name for name, _ in measured.running], after.running],
            "waiting": [[each[:2] for each in measured.waiting], after.waiting],
            "waits": waits,
            "said": [each for each in second.logs().splitlines() if "waits" in each],
            "stages": [[each.id, each.status, each.computed_by] for each in second.stages()],
            "first": [each for each in first.logs().splitlines() if "waits" in each],
        }))
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_a_stage_that_waits_for_another_job_says_so(project, tmp_path, workers):
    """In the events, in the log and in the progress, until it has the result."""
    marks = tmp_path / "marks"
    marks.mkdir()
    if workers:
        project.use_workers(workers)
    project.write("vcat.config.yaml", f"run_script_environment: {{MARKS: {marks}}}\n")
    project.write("main.py", SCRIPT)
    process = project.start("main.py", MARKS=str(marks))
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    read = json.loads(output.splitlines()[-1])
    # Elsewhere nobody tells which job a process is of.
    job = "first" if sys.platform == "linux" else None
    whom = "job first" if job else "another process"
    assert read["told"] == [[0, job]]
    assert read["running"] == [[], []]
    assert read["waiting"] == [[["one", whom]], []]
    assert read["waits"] == [job, None]
    assert read["said"] == [
        f"vcat: stage 'one' (main.py:4) waits for {whom}, which computes the same"
    ]
    # Which of them is the first to compute what comes next is open.
    assert read["stages"][0] == ["one", "cached", "first"]
    assert read["first"] == []
