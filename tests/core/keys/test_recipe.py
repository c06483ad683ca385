"""Keys: binding of arguments, upstream results, files, parts, messages."""

from __future__ import annotations

import functools
import inspect
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

import pytest

from vcat._keys.recipe import PYTHON, RECIPE, KeyMaker, Upstream
from vcat._keys.signature import binder
from vcat._keys.unhashable import Unhashable

SENTINEL = object()


def plain(a, b=2, *rest, c=3, **others):
    """Have every kind of parameter but one."""
    return a, b, rest, c, others


def only(a, /, b=2, **others):
    """Have the kind that is left."""
    return a, b, others


def keywords(*, a, b=SENTINEL):
    """Have keyword parameters only."""
    return a, b


def nothing():
    """Have none."""
    return


@functools.wraps(plain)
def wrapper(*args, **kwargs):
    """Declare something else than what it wraps."""
    return plain(*args, **kwargs)


CALLS = [
    ((), {}),
    ((1,), {}),
    ((1, 2), {}),
    ((1, 2, 3, 4), {}),
    ((1,), {"b": 5}),
    ((1, 2), {"c": 5}),
    ((), {"a": 1, "b": 2}),
    ((1,), {"z": 1, "y": 2}),
    ((1,), {"a": 1}),
    ((), {"a": 1}),
    ((1, 2, 3), {"c": 4, "d": 5}),
]


@pytest.mark.parametrize("function", [plain, keywords, nothing, wrapper, only])
@pytest.mark.parametrize(("args", "kwargs"), CALLS)
def test_arguments_are_bound_as_python_binds_them(function, args, kwargs):
    """The quick binder agrees with inspect; what does not fit is taken as it stands."""
    signature = inspect.signature(function, follow_wrapped=False)
    try:
        expected = signature.bind(*args, **kwargs)
    except TypeError:
        assert binder(function)(args, kwargs) == [("*", args), ("**", kwargs)]
        return
    expected.apply_defaults()
    bound = binder(function)(args, kwargs)
    assert [(name.lstrip("*"), value) for name, value in bound] == list(expected.arguments.items())


def test_callables_without_a_signature_are_bound_by_position():
    """Some built-ins say nothing of their parameters."""
    assert binder(dict.fromkeys)(("a",), {"k": 1}) == [("*", ("a",)), ("**", {"k": 1})]


def key(function, *args, **kwargs):
    """Return the key of a call, in a session of its own."""
    return KeyMaker("/nowhere").key(function, args, kwargs).hex


def test_spelling_does_not_matter():
    """Position, keyword, order and default: one call, one key."""
    calls = [key(plain, 1), key(plain, 1, 2), key(plain, 1, b=2), key(plain, b=2, a=1, c=3)]
    assert len(set(calls)) == 1


def test_what_a_function_can_see_matters():
    """Surplus arguments keep their order; names and values are not mixed up."""
    calls = [
        key(plain, 1, z=1, y=2),
        key(plain, 1, y=2, z=1),
        key(plain, 1, 2, 3),
        key(plain, 1, 3),
        key(plain, 3, 1),
        key(plain, 1, 2, (3,)),
        key(plain, 1, c=4),
        key(only, 1),
        key(nothing),
    ]
    assert len(set(calls)) == len(calls)


def test_upstream_results_count_by_their_digest():
    """At any depth; a text with the same digits is something else."""
    one, other = Upstream("sha256:aa"), Upstream("sha256:bb")
    calls = [
        key(plain, one),
        key(plain, other),
        key(plain, "sha256:aa"),
        key(plain, [one]),
        key(plain, [other]),
        key(plain, {"a": (one, other)}),
        key(plain, {"a": (other, one)}),
    ]
    assert len(set(calls)) == len(calls)
    assert key(plain, {"a": [one]}) == key(plain, {"a": [Upstream("sha256:aa")]})


def test_a_nameless_default_is_known_by_its_name():
    """A bare ``object()`` is the global it is; one without a name cannot be told."""
    assert key(keywords, a=1) == key(keywords, a=1, b=SENTINEL)
    with pytest.raises(Unhashable) as caught:
        key(keywords, a=1, b=object())
    assert str(caught.value) == (
        "argument 'b' cannot be hashed: b is a bare object(), which has no content;"
        " use an enum member"
    )


def test_the_message_names_argument_and_path():
    """As one would write it, from the parameter on."""
    with pytest.raises(Unhashable) as caught:
        key(plain, 1, config={"callbacks": [1, 2, {"lock": threading.Lock()}]})
    assert str(caught.value) == (
        "argument 'others' cannot be hashed: others['config']['callbacks'][2]['lock'] is a"
        " '_thread.lock', whose content cannot be told; create it inside the function"
    )
    assert caught.value.subject == "argument 'others'"


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Return the working directory, with a file and a directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b.csv").write_text("1")
    return tmp_path


PATHS = [
    ("a.csv", True),
    (["a.csv"], True),
    ({"x": ("a.csv",)}, True),
    (pathlib.Path("a.csv"), True),
    ([pathlib.Path("d")], True),
    ("d", False),
    ("b.csv", False),
    (pathlib.PurePath("a.csv"), False),
    (b"a.csv", False),
]


@pytest.mark.parametrize(("path", "counts"), PATHS)
def test_files_count_by_content(data, path, counts):
    """Texts that name a file, paths to files and directories, at any depth."""
    before = key(plain, path)
    (data / "a.csv").write_text("2")
    (data / "d" / "b.csv").write_text("2")
    assert (key(plain, path) != before) is counts


def test_files_count_by_name_too(data):
    """A function can see what a file is called."""
    (data / "c.csv").write_text("1")
    assert key(plain, "a.csv") != key(plain, "c.csv") != key(plain, pathlib.Path("c.csv"))


def test_a_path_to_nothing_counts_when_something_appears(data):
    """A missing file is content too."""
    before = key(plain, pathlib.Path("later")), key(plain, "later")
    (data / "later").write_text("")
    after = key(plain, pathlib.Path("later")), key(plain, "later")
    assert len({*before, *after}) == 4


def test_a_path_to_what_has_no_content_is_not_guessed(data):
    """The message names the argument and the file."""
    os.mkfifo("pipe")
    with pytest.raises(Unhashable) as caught:
        key(plain, [pathlib.Path("pipe")])
    assert str(caught.value) == (
        "argument 'a' cannot be hashed: a[0] names a file, and 'pipe' is neither a file nor a"
        " directory; pass what is read from it"
    )
    assert key(plain, "pipe")  # a text that happens to be its name


@pytest.mark.parametrize("value", ["", "\0", "a" * 5_000, "\ud800", "a.csv/b"])
def test_texts_that_cannot_be_names_are_texts(data, value):
    """The system refuses them, and nobody else does."""
    assert key(plain, value) == key(plain, value)


def test_parts_say_what_the_key_is_made_of(data):
    """JSON, by the names that the user gave."""
    made = KeyMaker("/nowhere").key(plain, ("a.csv",), {"z": Upstream("sha256:aa")})
    parts = json.loads(json.dumps(made.parts))
    assert parts["recipe"] == RECIPE
    assert parts["python"] == PYTHON
    assert parts["version"] is None
    assert parts["code"] == made.code.digest
    assert list(made.code.parts) == [f"{__name__}.plain"]
    assert made.code.fallbacks == ()
    assert list(parts["arguments"]) == ["a", "b", "*rest", "c", "**others"]
    assert parts["arguments"]["a"]["shown"] == "'a.csv'"
    assert list(parts["arguments"]["*rest"]) == ["digest"]
    assert list(parts["files"]) == ["a.csv"]
    assert re.fullmatch("[0-9a-f]{64}", made.hex)


def test_parts_say_what_of_an_argument_is_a_file_or_a_result(data):
    """Files and upstream results are listed with the argument they are in, however deep, once."""
    name = str(data / "x.csv")
    (data / "x.csv").write_text("1")
    nested = [1, {"x": (Upstream("sha256:1"), Upstream("sha256:2"))}, name, Upstream("sha256:1")]
    arguments = (
        KeyMaker("/nowhere").key(plain, (nested, 2), {"c": Upstream("sha256:3")}).parts["arguments"]
    )
    assert arguments["a"]["results"] == ["sha256:1", "sha256:2"]
    assert arguments["a"]["files"] == [name]
    assert arguments["c"]["results"] == ["sha256:3"]
    assert "files" not in arguments["c"]
    assert "results" not in arguments["b"]


def test_paths_are_shown():
    """A path is short and plain too: records say what it was and what it is."""
    arguments = KeyMaker("/nowhere").key(plain, (pathlib.PurePath("a"), pathlib.Path("b")), {})
    assert arguments.parts["arguments"]["b"]["shown"] == "PosixPath('b')"


def test_long_texts_are_known_by_their_digests():
    """Records do not fill up with what somebody passes as a text."""
    made = KeyMaker("/nowhere").key(plain, ("a" * 80, "a" * 81), {})
    assert [name for name, each in made.parts["arguments"].items() if "shown" in each] == ["a", "c"]


def test_a_version_is_part_of_the_key():
    """By type and value; none is another than any."""
    maker = KeyMaker("/nowhere")
    versions = [None, "1", 1, 1.0, "2", ""]
    keys = {maker.key(nothing, (), {}, version=each).hex for each in versions}
    assert len(keys) == len(versions)


def test_ignored_arguments_do_not_count():
    """However they are passed; and an argument of another name does."""
    maker = KeyMaker("/nowhere")

    def made(*args, ignore=("b",), **kwargs):
        return maker.key(plain, args, kwargs, ignore=ignore).hex

    assert made(1, 2) == made(1, 3) == made(1, b=[]) == made(1)
    assert made(1, 2) != made(2, 2)
    assert made(1, z=1, ignore=["z"]) == made(1, z=2, ignore=["z"])
    assert made(1, z=1) != made(1, z=2)
    assert made(1, 2, 3, ignore=["rest"]) == made(1, 2, 4, ignore=["rest"])
    assert made(1, 2, 3) != made(1, 2, 4)


def test_equal_results_have_equal_digests():
    """However they came about: downstream keys go by this."""
    maker = KeyMaker("/nowhere")
    word = "".join(["a", "b"])
    assert maker.digest_content(["ab", "ab"]) == maker.digest_content([word, "ab"])
    assert maker.digest_content({"a", "b"}) == maker.digest_content({"b", "a"})
    assert maker.digest_content([1]) != maker.digest_content([True])


def test_a_result_that_names_a_file_is_a_text(data):
    """What a stage returns has no files behind it: who opens them is observed."""
    maker = KeyMaker("/nowhere")
    before = maker.digest_content("a.csv")
    data.joinpath("a.csv").write_text("other")
    assert maker.digest_content("a.csv") == before


def test_a_key_is_that_of_the_moment():
    """What is done to an argument afterwards does not change the parts."""
    argument = [1]
    made = KeyMaker("/nowhere").key(plain, (argument,), {})
    before = made.parts
    argument.append(2)
    assert made.parts == before


def test_prepared_code_is_that_of_the_moment():
    """A run looks at all code before the first stage can change what another one reaches."""
    seen = []

    def function():
        return seen

    maker = KeyMaker("/nowhere")
    maker.prepare(function)
    seen.append(1)
    assert maker.key(function, (), {}).hex != key(function)


def test_the_place_of_the_project_does_not_count():
    """A constant that is a path in it is the same in a job, where the script's value travels."""

    def key(place, **options):
        namespace = {"ROOT": pathlib.Path(place, "data"), "__name__": "notebook"}
        exec("def f(): return ROOT", namespace)
        return KeyMaker(**options).key(namespace["f"], (), {}).hex

    here = key("/home/me/project", project="/home/me/project")
    assert key("/home/me/project", project="/run/job", submitted=["/home/me/project"]) == here
    assert key("/home/me/project", project="/run/job") != here


@pytest.fixture
def short_path():
    """A directory whose name is so short that values below it are shown."""
    with tempfile.TemporaryDirectory(prefix="v", dir="/tmp") as directory:
        yield pathlib.Path(directory)


def test_places_in_the_copy_of_a_job_are_called_as_in_the_project(short_path):
    """What changed between two jobs is the content of a file, and not where their copies lie."""
    project = short_path / "project"
    keys = []
    for name, content in (("one", "1"), ("two", "2")):
        copy = project / ".vcat" / "jobs" / name / "project"
        copy.mkdir(parents=True)
        (copy / "a.txt").write_text(content)
        (copy / "b.txt").write_text("same")
        maker = KeyMaker(str(copy), submitted=[str(project)])
        keys.append(maker.key(plain, (copy / "a.txt", str(copy / "b.txt"), [copy / "b.txt"]), {}))
    first, second = (each.parts for each in keys)
    assert first["arguments"]["a"]["shown"] == repr(project / "a.txt")
    assert first["arguments"]["b"]["shown"] == repr(f"{project}/b.txt")
    assert first["arguments"]["*rest"] == second["arguments"]["*rest"]
    assert first["arguments"]["b"] == second["arguments"]["b"]
    assert [*first["files"]] == [*second["files"]] == [f"{project}/a.txt", f"{project}/b.txt"]
    assert first["files"] != second["files"]
    assert [*keys[0].files] == [f"{project}/.vcat/jobs/one/project/{each}.txt" for each in "ab"]


def test_a_built_in_that_is_also_a_global_is_a_built_in():
    """With a class of a script, dill sends the built-in names that its methods use."""

    def key(**names):
        namespace = {"__name__": "notebook", **names}
        exec("def f(x): return len(x), NotImplemented", namespace)
        return KeyMaker("/nowhere").key(namespace["f"], (1,), {}).hex

    assert key(len=len, NotImplemented=NotImplemented) == key()
    assert key(len=sum) != key()


def test_recipe_and_python_are_in_the_key(monkeypatch):
    """A new recipe or another Python never meets an old result."""
    before = key(nothing)
    monkeypatch.setattr("vcat._keys.recipe.RECIPE", RECIPE + 1)
    newer = key(nothing)
    monkeypatch.setattr("vcat._keys.recipe.RECIPE", RECIPE)
    monkeypatch.setattr("vcat._keys.recipe.PYTHON", "cpython 2.7")
    assert len({before, newer, key(nothing)}) == 3


def test_keys_cost_no_heavy_imports():
    """What a cached job pays for at its start."""
    script = (
        "import sys; before = set(sys.modules); from vcat._keys.recipe import KeyMaker\n"
        "KeyMaker('/nowhere').key(lambda a: a, ('x',), {})\n"
        "print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    heavy = {
        "ast",
        "dis",
        "inspect",
        "importlib.metadata",
        "logging",
        "numpy",
        "pathlib",
        "tempfile",
    }
    if sys.version_info >= (3, 14):
        heavy -= {"ast"}  # typing itself imports it, for a named tuple with fields that have types
    assert heavy.isdisjoint(done.stdout.decode().split())
