"""A job that is killed whenever it writes a record is in a true state all the same."""

import re

import pytest

BACKENDS = """\
    import os
    from vcat import LocalFileSystemPipelineArchive, LocalFileSystemPipelineListing

    def count(name):
        \"\"\"Kill the job before or after the write whose number the project says.\"\"\"
        if "VCAT_SUPERVISED" not in os.environ:
            return
        with open(os.environ["WRITES"], "a") as file:
            file.write(name + "\\n")
        with open(os.environ["WRITES"]) as file:
            if len(file.read().split()) == int(os.environ["STRIKE"]):
                os.kill(os.getpid(), 9)

    class Archive(LocalFileSystemPipelineArchive):
        def store(self, job_name, name, data):
            count("before-" + name)
            super().store(job_name, name, data)
            count("after-" + name)

        def store_parts(self, job_name, name, parts):
            count("before-" + name)
            super().store_parts(job_name, name, parts)
            count("after-" + name)

    class Listing(LocalFileSystemPipelineListing):
        def put(self, row):
            count("before-" + row.state)
            super().put(row)
            count("after-" + row.state)
    """

CONFIGURATION = """\
    archive_implementation: {archive_type: "backends:Archive", constructor_arguments: [.vcat/kept]}
    archive_listing_implementation:
      archive_listing_type: backends:Listing
      constructor_arguments: [.vcat/kept]
    """

SCRIPT = """\
    import os, sys
    from vcat import *

    @stage
    def load(x):
        print("a line", flush=True)
        log_metric("rows", 2)
        return x + 1

    @stage
    def double(x):
        return 2 * x

    if __name__ == "__main__":
        jobs = []
        for number in sys.argv[1:]:
            os.environ.update(STRIKE=number, WRITES=os.path.abspath(f"../writes-{number}"))
            jobs.append(double(load(1)).run(job_name=f"job-{number}"))
        for job in jobs:
            job.wait_for_deployment_to_complete(timeout=60)
    """

READ = """
    import os
    def told(job):
        status = job.status()
        return [status.state, status.exit_code, status.reason]
    def read(job, row):
        outcome = job._archive.fetch_document("outcome")
        seen = {
            "told": [told(job), [row.state, row.exit_code, row.reason]],
            "outcome": outcome and outcome["state"],
            "metrics": dict(row.metrics),
            "stages": [each.status for each in job.stages()],
            "provenance": (job.provenance() or {}).get("job_name"),
            "log": job.logs(),
            "archived": (job._archive.fetch_log("output.log") or b"").decode(),
        }
        if job.get_job_status() == "completed":
            seen["result"] = job.fetch_job_results()
        return seen
    rows = {each.job_name: each for each in list_jobs()}
    print(json.dumps({name: read(get_job(name), row) for name, row in rows.items()}))
    """


@pytest.mark.slow
def test_a_job_that_is_killed_while_it_writes_its_records(project):
    """12: at every write the state is a true one, and whoever looks puts the rest right."""
    project.write("backends.py", BACKENDS)
    project.write("my.config.yaml", CONFIGURATION)
    project.write("train.py", SCRIPT)

    def writes(number):
        return (project.parent / f"writes-{number}").read_text().split()

    project.run("train.py", "0")
    assert writes(0)[:2] == ["before-running", "after-running"]
    assert {"after-job/outcome.json", "after-completed"} <= set(writes(0))
    last = len(writes(0)) + 1
    project.run("train.py", *map(str, range(1, last + 1)))
    # What is cached may be fewer writes.
    struck = [number for number in range(1, last + 1) if len(writes(number)) == number]
    assert struck == list(range(1, len(struck) + 1))
    assert 16 <= len(struck) < last
    read = project.ask(READ)
    whole = read["job-0"]
    assert (whole["told"], whole["result"]) == ([["completed", 0, None]] * 2, 4)
    for number in struck:
        seen = read[f"job-{number}"]
        about = writes(number)[-1], seen
        assert seen["told"] == [["failed", 137, seen["told"][0][2]]] * 2, about
        while_it_ran = r"( while stages? [a-z]+( and \d others?)? ran)?"
        assert re.fullmatch(r"killed by signal 9 \(SIGKILL\)" + while_it_ran, seen["told"][0][2]), (
            about
        )
        assert seen["outcome"] in (None, "completed"), about
        assert "running" not in seen["stages"], about
        assert (seen["archived"] == "") == (seen["log"] == ""), about
        assert seen["log"].startswith(seen["archived"]), about
        if "completed" in seen["stages"]:
            assert seen["metrics"] == {"rows": 2}, about
            assert seen["log"].startswith("a line\n"), about
