"""Stages that are over at once, run by workers many at a time: what is said of each is true."""

import pytest

SCRIPT = """\
    import os, signal, time
    from vcat import *

    @stage
    def short(number):
        if number >= int(os.environ["FROM"]):
            open(os.path.join(os.environ["MARKS"], str(number)), "w").close()
            time.sleep(600)
        return number

    @stage
    def total(numbers):
        return sum(numbers)

    if __name__ == "__main__":
        job = total(short.map(list(range(200)))).run(job_name="short")
        {end}
        job.wait_for_deployment_to_complete(timeout=60)
"""

#: What ends the job when both workers make calls that never end.
ENDED = """\
while len(os.listdir(os.environ["MARKS"])) < 2:
            time.sleep(0.01)
        pid = next(job.events())["pid"]
        """

READ = """
    from vcat._keeping.definition import stage_records
    from vcat._keeping.event import fold_stages, single
    job = get_job("short")
    events = list(job.events())
    definition = job._archive.fetch_document("definition")
    most = 0
    for count in range(len(events)):
        records = single(fold_stages(events[: count + 1], stage_records(definition)))
        most = max(most, [each.status for each in records].count("running"))
    ended = [each for each in job.stages() if each.item_of is not None]
    known = {each["id"]: each for each in job.provenance()["stages"]}
    print(json.dumps({
        "most": most,
        "items": [[each.status, each.cut_short, each.attempts] for each in ended],
        "spans": [[each.started_at, each.ended_at] for each in ended],
        "recorded": [known.get(each.id, {}).get("status") for each in ended],
        "provenance": [
            [known.get(each.id, {}).get(name) for name in ("started_at", "ended_at")]
            for each in ended
        ],
    }))
"""


def run(project, tmp_path, *, first=1000, end=""):
    """Run the map, of which the items from *first* on never end, and return what is said of it."""
    marks = tmp_path / "marks"
    marks.mkdir()
    project.use_workers(2)
    project.write(
        "vcat.config.yaml", f"run_script_environment: {{MARKS: {marks}, FROM: '{first}'}}\n"
    )
    project.write("main.py", SCRIPT.replace("{end}", end))
    process = project.start("main.py", MARKS=str(marks), FROM=str(first))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return project.ask(READ), {int(each.name) for each in marks.iterdir()}


@pytest.mark.slow
def test_no_more_stages_run_at_once_than_there_are_workers(project, tmp_path):
    """Whenever anybody looks; and together they have not run for longer than the workers did."""
    read, _ = run(project, tmp_path)
    assert read["items"] == [["completed", False, 1]] * 200
    assert read["most"] <= 2
    began, ended = zip(*read["spans"], strict=True)
    assert sum(ended) - sum(began) <= 2 * (max(ended) - min(began))
    assert read["provenance"] == read["spans"]


@pytest.mark.slow
@pytest.mark.parametrize("end", ["os.kill(pid, signal.SIGKILL)", "job.cancel()"])
def test_what_has_not_begun_when_the_job_ends_has_not_run(project, tmp_path, end):
    """Of calls that a worker was given together one was being made: it alone is cut short."""
    read, begun = run(project, tmp_path, first=100, end=ENDED + end)
    expected = [["completed", False, 1]] * 100 + [["not run", False, 0]] * 100
    for number in begun:
        expected[number] = ["failed", True, 1]
    assert read["items"] == expected
    assert len(begun) == 2
    if "cancel" in end:  # what is killed has not written all of it
        assert read["recorded"] == [status for status, _, _ in expected]
