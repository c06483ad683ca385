"""Archived jobs that are submitted again: the same source and values, and only what is missing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

#: Its third stage waits where the job is shot, unless the file "go" is there.
PIPE = """
    import os, sys, time
    from vcat import *
    from helper import FACTOR

    @stage
    def load(n):
        print("loading")
        return list(range(n))

    @stage
    def fit(numbers, C):
        return sum(numbers) * FACTOR * C

    @stage
    def score(model):
        if not os.path.exists(GO):
            open(GO + ".reached", "w").close()
            time.sleep(120)
        from helper import LAST
        return model + LAST

    pipe = score(fit(load(5), C=Hyperparameter("C", default=1)).persist())
    print(pipe.run(job_name=sys.argv[1]).job_name)
"""


@pytest.fixture
def shot(project):
    """A job that was killed by SIGKILL in its third stage; the script and the project are gone."""
    go = project.parent / "go"
    project.write("train.py", PIPE.replace("GO", repr(str(go))))
    project.write("helper.py", "FACTOR = 2\nLAST = 1\n")
    project.run("train.py", "first")
    deadline = time.monotonic() + 60
    while not (project.parent / "go.reached").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (started,) = project.ask(
        """
        events = get_job("first").events()
        print(json.dumps([each["pid"] for each in events if each["event"] == "job started"]))
        """
    )
    os.kill(started, signal.SIGKILL)
    go.touch()
    project.ask("get_job('first').wait_for_deployment_to_complete(60); print(1)")
    (project.directory / "train.py").unlink()
    project.write("helper.py", "raise SystemExit('nobody imports the project of today')\n")
    return project


def rerun(project, *words):
    """Run `vcat rerun` in the project."""
    done = subprocess.run(
        [sys.executable, "-m", "vcat_cli", "rerun", *words],
        cwd=project.directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    done.stderr = project.without_progress(done.stderr)
    return done


def statuses(project, name):
    """The ids and statuses of a job's stages."""
    return project.ask(f"print(json.dumps([[s.id, s.status] for s in get_job({name!r}).stages()]))")


def test_a_killed_job_goes_on_where_it_was(shot):
    """Two stages of three are reused, and are said to be before anything is submitted."""
    done = rerun(shot, "first", "--from-failure", "-n", "again", "-f")
    assert (done.returncode, done.stderr.splitlines()[:-1]) == (
        0,
        [
            "load: cached",
            "fit: cached",
            "score: runs unless another job has computed it: cut short when job first failed:"
            " killed by signal 9 (SIGKILL)",
            "submitted again",
        ],
    )
    assert statuses(shot, "again") == [
        ["load", "cached"],
        ["fit", "cached"],
        ["score", "completed"],
    ]
    told = shot.ask(
        """
        job = get_job("again")
        record, provenance = job.record(), job.provenance()
        print(json.dumps([job.fetch_job_results(), record.rerun_of, record.script, record.project,
                          provenance["submitted"]["rerun_of"], provenance["parameters"]]))
        """
    )
    assert told == [21, "first", "train.py", str(shot.directory), "first", {"C": 1}]
    assert shot.leftovers() == ["go", "go.reached"]


def test_results_of_a_killed_job_are_in_its_archive(shot):
    """What a stage has given is kept the moment it ends, whatever becomes of the job."""
    assert shot.ask("print(json.dumps(get_job('first').value_of('fit')))") == 20


def test_a_parameter_can_be_replaced(shot):
    """`-p` gives the new job another value; what does not depend on it is reused."""
    done = rerun(shot, "first", "-p", "C=[3]", "-n", "bad", "-f")
    assert done.returncode == 1
    assert "TypeError" in done.stderr
    done = rerun(shot, "first", "--from-failure", "-p", "C=3", "-n", "again", "-f")
    assert done.stderr.splitlines()[:-1] == [
        "load: cached",
        "fit: runs unless another job has computed it: C is 3 instead of 1",
        "score: cached or runs: depends on the result of fit; cut short when job first failed:"
        " killed by signal 9 (SIGKILL)",
        "submitted again",
    ]
    assert statuses(shot, "again")[:2] == [["load", "cached"], ["fit", "completed"]]
    told = shot.ask(
        """
        job = get_job("again")
        print(json.dumps([job.fetch_job_results(), job.record().parameters]))
        """
    )
    assert told == [61, {"C": 3}]


def test_a_rerun_can_be_run_again(shot):
    """What a rerun leaves is as whole as what the first job left."""
    assert rerun(shot, "first", "-n", "again", "-f").returncode == 0
    shutil.rmtree(shot.directory / ".vcat" / "cache")
    done = rerun(shot, "again", "--json")
    name = json.loads(done.stdout)["job_name"]
    assert name.startswith("again-")
    told = shot.ask(
        f"""
        job = get_job({name!r})
        print(json.dumps([job.fetch_job_results(), job.record().rerun_of]))
        """
    )
    assert told == [21, "again"]
    assert {each for _, each in statuses(shot, name)} == {"completed"}


PLAIN = """
    import os
    from vcat import *

    class Canary:
        def __reduce__(self):
            return os.getpid, ()

    @stage
    def work(canary, C):
        return [canary, os.getpid(), C]

    pipe = work(Canary(), Hyperparameter("C", default=1))
    pipe.run(job_name="plain").wait_for_deployment_to_complete()
"""


@pytest.fixture
def plain(project):
    """A completed job of one stage with a literal argument that tells who unpickles it."""
    project.write("plain.py", PLAIN)
    project.run("plain.py")
    return project


def test_nothing_is_unpickled_where_a_job_is_submitted_again(plain):
    """The values go from archive to bundle as bytes: only the new job loads them."""
    told = plain.ask(
        """
        import os
        from vcat._keeping import codec
        def read(data):
            raise SystemExit("unpickled")
        read, codec._read = codec._read, read
        job = get_job("pl").rerun({"C": {"a": [1, None, (2.5,), float("nan"), -1e400, -10**20]}})
        job.wait_for_deployment_to_complete()
        codec._read = read
        canary, pid, C = job.fetch_job_results()
        shown = job.record().parameters["C"]["a"][3:]
        print(json.dumps([canary == pid, pid != os.getpid(), repr(C["a"]), shown]))
        """
    )
    numbers = "nan, -inf, -100000000000000000000"
    assert told[:3] == [True, True, f"[1, None, (2.5,), {numbers}]"]
    assert told[3] == ["nan", "-inf", "-100000000000000000000"]


def archived(project, name):
    """The path of something that the job has archived."""
    (path,) = (project.directory / ".vcat" / "archive").rglob(name)
    return path


def refused(project, *words):
    """What `vcat rerun plain` says, which submits nothing."""
    done = rerun(project, "plain", *words)
    assert done.returncode, done.stderr
    assert project.ask("print(json.dumps([each.job_name for each in list_jobs()]))") == ["plain"]
    return done.returncode, done.stderr


def test_what_cannot_be_run_again_says_why(plain):
    """Wrong parameters, a job that did not fail, another Python, damage and what is not there."""
    assert refused(plain, "-p", "c=1", "-p", "D=2") == (
        2,
        "vcat: rerun: no hyperparameter 'c'; did you mean 'C'? job plain has 'C'\n"
        "vcat: rerun: no hyperparameter 'D'; job plain has 'C'\n",
    )
    assert refused(plain, "-p", "C=1", "-p", "C=2") == (
        2,
        "vcat: rerun: -p gives 'C' more than one value; leave all but one out\n",
    )
    assert refused(plain, "-p", f"C={'[' * 102}{']' * 102}") == (
        2,
        "vcat: rerun: hyperparameter 'C' is given a list; give what JSON has, nested no deeper than"
        " 100, or run the script again\n",
    )
    assert refused(plain, "-n", "a/b") == (
        2,
        "vcat: rerun: -n 'a/b': a job's name is letters, digits, '.', '_' and '-', begins with a"
        " letter or a digit and has at most 100 of them\n",
    )
    assert refused(plain, "-n", "plain") == (
        2,
        "vcat: rerun: -n 'plain' is taken by an earlier job; choose another\n",
    )
    assert refused(plain, "--from-failure") == (
        2,
        "vcat: rerun: job plain completed; leave --from-failure out to run it again all the same\n",
    )
    assert refused(plain, "--json", "-f") == (
        2,
        "vcat: rerun: --json does not go with -f; see `vcat rerun --help`\n",
    )
    values = archived(plain, "values.bin")
    whole = values.read_bytes()
    values.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    _, text = refused(plain)
    assert text.startswith("vcat: values.bin of job plain is damaged: the digest of value ")
    assert text.endswith("; run the script of the job again\n")
    values.unlink()
    assert refused(plain) == (
        1,
        "vcat: job plain cannot be run again: its functions and values are not archived, which"
        " vcat-core did not do when it was submitted; run its script again\n",
    )
    values.write_bytes(whole)
    source = archived(plain, "job_source.tgz")
    content = source.read_bytes()
    source.write_bytes(content[:-9])
    assert refused(plain) == (
        1,
        "vcat: the archive of the source is damaged: it ends in the middle of its compression\n",
    )
    source.unlink()
    assert refused(plain) == (
        1,
        "vcat: job plain cannot be run again: it ended before it had archived its source; run its"
        " script again\n",
    )
    definition = archived(plain, "definition.json")
    text = definition.read_text()
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    definition.write_text(text.replace(f'"python":"{here}"', '"python":"3.7"'))
    assert refused(plain) == (
        1,
        f"vcat: job plain cannot be run again by Python {here}: its functions are those of Python"
        " 3.7; use vcat with that\n",
    )
    assert plain.leftovers() == []


MAPS = """
    import sys
    from vcat import *

    @stage
    def double(x):
        return 2 * x

    @stage
    def add(x, y, z):
        return x + y + z

    @stage
    def both(*lists):
        return lists

    xs = Hyperparameter("xs", default=[1, 2])
    zs = Hyperparameter("zs", default=(5, 6))
    pipe = both(add.map(double.map(xs), [3, 4], z=0), add.map([1, 2], xs, zs))
    print(pipe.run(job_name="plain", **eval(sys.argv[1])).fetch_job_results())
"""


def test_what_cannot_be_mapped_over_is_refused_as_run_refuses_it(project):
    """Before anything is sent, and in the same words; one that can be is not."""
    project.write("train.py", MAPS)
    project.run("train.py", "{}")
    wrong = {"xs=5": 2, 'xs="ab"': 2, 'xs={"a": 1}': 2, "xs=[1, 2, 3]": 2, "zs=[7]": 1, "xs=[]": 2}
    for given, count in wrong.items():
        name, _, value = given.partition("=")
        said = project.run("train.py", f"{{{name!r}: {value}}}", check=False).stderr
        said = said.partition("GraphError: ")[2].splitlines()
        assert len(said) == count
        assert refused(project, "-p", given) == (2, "".join(f"vcat: {each}\n" for each in said))
    done = rerun(project, "plain", "-p", "xs=[10, 20]", "-n", "again", "-f")
    assert done.returncode == 0, done.stderr
