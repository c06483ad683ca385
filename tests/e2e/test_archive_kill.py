"""A job that is killed whenever it writes a record is in a true state all the same."""

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
    import sys
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
        job = double(load(1)).run(job_name=sys.argv[1])
        job.wait_for_deployment_to_complete(timeout=60)
    """

READ = """
    import os
    def told(job):
        status = job.status()
        return [status.state, status.exit_code, status.reason]
    name = NAME
    (row,) = [each for each in list_jobs() if each.job_name == name]
    job = get_job(name)
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
    print(json.dumps(seen))
    """


@pytest.mark.slow
def test_a_job_that_is_killed_while_it_writes_its_records(project, monkeypatch):
    """12: at every write the state is a true one, and whoever looks puts the rest right."""
    project.write("backends.py", BACKENDS)
    project.write("my.config.yaml", CONFIGURATION)
    project.write("train.py", SCRIPT)
    read, names = {}, {}
    for number in [0, *range(1, 100)]:
        writes = project.parent / f"writes-{number}"
        writes.touch()
        monkeypatch.setenv("WRITES", str(writes))
        monkeypatch.setenv("STRIKE", str(number))
        project.run("train.py", f"job-{number}")
        read[number] = project.ask(READ.replace("NAME", repr(f"job-{number}")))
        names[number] = writes.read_text().split()
        if number and len(names[number]) < number:
            break
    assert names[0][:2] == ["before-running", "after-running"]
    assert {"after-job/outcome.json", "after-completed"} <= set(names[0])
    whole = read.pop(0)
    del read[number], whole["stages"]
    assert (whole["told"], whole["result"]) == ([["completed", 0, None]] * 2, 4)
    assert len(read) >= 16
    for each, seen in read.items():
        about = names[each][-1], seen
        assert seen["told"] == [["failed", 137, "killed by signal 9 (SIGKILL)"]] * 2, about
        assert seen["outcome"] in (None, "completed"), about
        assert "running" not in seen["stages"], about
        assert (seen["archived"] == "") == (seen["log"] == ""), about
        assert seen["log"].startswith(seen["archived"]), about
        if "completed" in seen["stages"]:
            assert seen["metrics"] == {"rows": 2}, about
            assert seen["log"].startswith("a line\n"), about
