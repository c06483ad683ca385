"""`vcat why` of the items of maps, whose places in the list tell little of what they are."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """\
from glob import glob
from vcat import *

@stage
def rd(p):
    return open(p).read()

@stage
def up(t):
    return t.upper()

if __name__ == "__main__":
    up.map(rd.map(sorted(glob("data/*")))).run().fetch_job_results()
"""


@pytest.mark.slow
def test_an_item_less_shifts_no_reasons(tmp_path, command):
    """In `vcat why` and in a plan, also of the items of a map of the map's results."""
    (tmp_path / "train.py").write_text(SCRIPT)
    data = tmp_path / "data"
    data.mkdir()
    for name in "bcd":
        (data / name).write_text(name)
    run()
    (data / "b").unlink()
    (data / "d").write_text("dd")
    planned = command("run", "--plan", "train.py").out
    assert "    rd[1]: data/d changed\n" in planned
    run()
    said = "rd[1]: data/d changed\nup[1]: upstream rd[1] gave another result\n"
    assert command("why", "@").out == said
    (data / "a").write_text("a")
    run()
    assert command("why", "@").out == "rd[0]: first time\nup[0]: first time\n"


def run():
    done = subprocess.run(
        [sys.executable, "train.py"], capture_output=True, check=False, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def leave(make_job, name, maps):
    """Leave a job with maps of one stage, by id what their items have read, and from which file."""
    order = int(name.partition("-")[2])
    archive = make_job(name, submitted_at=make_job.submitted + 60 * order)
    stages, first = [], len(maps)
    for whole, items in maps.items():
        own = []
        for index, (path, content) in enumerate(items):
            parts = {"code": "c0de", "arguments": {"p": argument(path, content)}}
            parts["files"] = {path: content}
            key = f"{path} {content}"
            own.append(stage(f"{whole}[{index}]", item_of=whole, key=key, key_parts=parts))
        described = {"first": first, "shared": {}, "own": own}
        stages.append(stage(whole, key=None, items=described))
        first += len(own)
    archive.store_document("provenance", {"stages": stages, "codes": {}, "names": {}})


def argument(path, content):
    return {"digest": f"{path}={content}", "shown": repr(path), "files": [path]}


def stage(identity, **fields):
    name = identity.partition("[")[0].partition("#")[0]
    known = {"id": identity, "name": name, "status": "completed", "file": "train.py", "inputs": []}
    return known | {"lookup": {"outcome": "absent"}, "not_cached": None} | fields


#: What is said of a stage that ran with the key that it had.
GONE = ": its result is not in the cache any more"

B, C, D = ("b", "1"), ("c", "1"), ("d", "1")


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ([B, C, D], [C, ("d", "2")], ["rd[1]: d changed"]),
        ([B, C], [("a", "1"), ("b", "2")], ["rd[0]: first time", "rd[1]: b changed"]),
        ([B, C], [("b", "2"), C, D], ["rd[0]: b changed", "rd[2]: first time"]),
        ([B, C, D], [B, ("e", "1"), D], ["rd[1]: argument p 'c' -> 'e'"]),
        ([B], [("e", "1")], ["rd[0]: argument p 'b' -> 'e'"]),
        ([B, C, D], [("e", "1"), D], ["rd[0]: first time"]),
        (
            [B, B, B],
            [("b", "2")] * 4,
            [*(f"rd[{n}]: b changed" for n in range(3)), "rd[3]: first time"],
        ),
    ],
)
def test_items_are_those_with_the_same_arguments(make_job, command, then, now, said):
    """Others are new, but where one stands in the place of another in a list as long."""
    leave(make_job, "job-1", {"rd": then})
    leave(make_job, "job-2", {"rd": now})
    lines = command("why", "job-2").out.splitlines()
    assert [each for each in lines if not each.endswith(GONE)] == said


def test_what_is_new_is_no_other_item_of_an_older_job(make_job, command):
    """Only the last job with the map tells what stands where another stood."""
    leave(make_job, "job-1", {"rd": [B, C, ("x", "1")]})
    leave(make_job, "job-2", {"rd": [B, C]})
    leave(make_job, "job-3", {"rd": [B, C, D]})
    assert command("why", "job-3", "rd[2]").out == "rd[2]: first time\n"
    leave(make_job, "job-4", {"rd": [B, C, D, ("x", "2")]})
    assert command("why", "job-4", "rd[3]").out == "rd[3]: x changed\n"


def test_the_items_of_two_maps_of_one_function(make_job, command):
    """One more map before it shifts the number in the id of the other."""
    leave(make_job, "job-1", {"rd": [B, C]})
    leave(make_job, "job-2", {"rd": [("x", "1"), ("y", "1")], "rd#2": [B, ("c", "2")]})
    assert command("why", "job-2", "rd#2[1]").out == "rd#2[1]: c changed\n"
    assert command("why", "job-2", "rd").out == "rd[0]: first time\nrd[1]: first time\n"


def test_an_item_of_a_map_that_failed_as_a_whole_did_not_fail(make_job, command):
    """It has never been reached."""
    archive = make_job("job-1")
    failed = stage("rd", status="failed", key=None, error="ValueError")
    archive.store_document("provenance", {"stages": [failed], "codes": {}, "names": {}})
    leave(make_job, "job-2", {"rd": [B]})
    assert command("why", "job-2").out == "rd[0]: first time\n"


def test_what_takes_an_item_of_a_map_is_called_as_the_item(make_job, command):
    """Whatever number is in its own id, because the item has that name."""
    for number, result in ((1, "one"), (2, "two")):
        archive = make_job(f"job-{number}", submitted_at=make_job.submitted + 60 * number)
        taken = stage("rd[0]#2", file=None, key=None, inputs=[{"stage": "rd#3", "digest": "x"}])
        parts = {"code": "c0de", "arguments": {"t": {"digest": result, "results": [result]}}}
        given = [{"stage": "rd[0]#2", "digest": result}]
        use = stage("use", key=result, key_parts=parts, inputs=given)
        document = {"stages": [taken | {"name": "rd[0]"}, use], "codes": {}, "names": {}}
        archive.store_document("provenance", document)
    assert command("why", "job-2", "use").out == "use: upstream rd#3[0] gave another result\n"
