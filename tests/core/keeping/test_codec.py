"""Values travel between processes: functions of the script by value, everything else by name."""

import socket
import subprocess
import sys
import textwrap
import threading

import pytest

from vcat import log_metric, stage
from vcat._keeping.codec import dumps, loads
from vcat._keeping.digest import digest, matches, portable_digest
from vcat.errors import FormatError, GraphError, UnpicklableError


def there_and_back(value):
    data = dumps(value)
    return loads(data, digest(data))


def two_processes(tmp_path, define, use):
    """Run *define* as a script that pickles ``value``, then *use* as another that has loaded it."""
    writer = textwrap.dedent(define) + textwrap.dedent(
        """
        from vcat._keeping.codec import dumps
        open("value.bin", "wb").write(dumps(value))
        """
    )
    reader = textwrap.dedent(
        """
        from vcat._keeping.codec import loads
        from vcat._keeping.digest import digest
        data = open("value.bin", "rb").read()
        value = loads(data, digest(data))
        """
    ) + textwrap.dedent(use)
    outputs = []
    for name, text in (("writer.py", writer), ("reader.py", reader)):
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            [sys.executable, name], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    return outputs[1]


def test_plain_values_come_back_equal():
    """What the C pickler can do needs nothing else."""
    value = {"a": [1, 2.5, None, (b"x", {3})], "f": len, "t": int}
    assert there_and_back(value) == value


def test_a_flipped_byte_is_never_unpickled(tmp_path):
    """The digest is checked before the first byte is interpreted."""
    canary = tmp_path / "canary"

    class Planted:
        def __reduce__(self):
            return open, (str(canary), "w")

    import pickle

    data = pickle.dumps(Planted())
    with pytest.raises(FormatError) as caught:
        loads(data, digest(b"other"))
    assert str(caught.value) == f"stored value is damaged: its digest is not {digest(b'other')}"
    assert not canary.exists()


def test_functions_of_a_script_travel_with_all_they_reach(tmp_path):
    """Globals, helpers, closures, defaults, recursion and imported modules arrive."""
    assert (
        two_processes(
            tmp_path,
            """
            import math
            FACTOR = 3
            def helper(x): return x * FACTOR
            def recursive(n): return 1 if n < 2 else n * recursive(n - 1)
            def make(offset):
                def value(x, y=2, *, z=4):
                    return [helper(x) + offset + y + z, recursive(4), math.floor(2.7)]
                return value
            value = make(100)
            """,
            "FACTOR = 'mine'\nprint(value(1), FACTOR)",
        )
        == "[109, 24, 2] mine\n"
    )


def test_names_in_texts_of_queries_travel_too(tmp_path):
    """The query of a frame looks them up among the globals of its caller; no other text does."""
    assert (
        two_processes(
            tmp_path,
            """
            import sys
            LIMIT = OTHER = SHARE = LOCKED = 3
            class Frame:
                def query(self, text):
                    seen = sys._getframe(1).f_globals
                    return [each for each in ("LIMIT", "OTHER", "SHARE", "LOCKED") if each in seen]
            def helper(): return "a > @LOCKED"
            def value():
                texts = ("a > @LIMIT", f"{helper} < @ SHARE\\n and OTHER")
                return (lambda: Frame().query(texts))()
            """,
            "print(value())",
        )
        == "['LIMIT', 'SHARE']\n"
    )


def test_classes_of_a_script_travel_too(tmp_path):
    """An instance of a dataclass that the script defines arrives with its class."""
    assert (
        two_processes(
            tmp_path,
            """
            from dataclasses import dataclass
            @dataclass
            class Result:
                score: float
                def doubled(self): return self.score * 2
            value = [Result(0.5)]
            """,
            "print(value, value[0].doubled())",
        )
        == "[Result(score=0.5)] 1.0\n"
    )


@pytest.mark.skipif(sys.version_info < (3, 15), reason="no import is lazy")
def test_lazy_imports_travel_as_what_they_import(tmp_path):
    """Of functions and of methods, which dill sends; whatever they import, they name it there."""
    assert (
        two_processes(
            tmp_path,
            """
            lazy import math
            lazy from statistics import mean
            class Kind:
                def floor(self, value): return math.floor(value)
            def plain(value): return [math.ceil(value), mean([1, 3])]
            def value(number): return [*plain(number), Kind().floor(number)]
            """,
            "print(value(2.5))",
        )
        == "[3, 2, 2]\n"
    )


def test_annotated_classes_of_a_script_travel(tmp_path):
    """With the fields that annotations declare, also where what they name is not there yet."""
    assert (
        two_processes(
            tmp_path,
            """
            import dataclasses, typing
            class Point(typing.NamedTuple):
                x: int
                y: float = 1.5
                def total(self): return self.x + self.y
            @dataclasses.dataclass
            class Row:
                point: Point
                rows: "list[Row]" = dataclasses.field(default_factory=list)
            value = Row(Point(1), [Row(Point(2))])
            """,
            "print(value, value.point.total(), value == type(value)(value.point, value.rows))",
        )
        == "Row(point=Point(x=1, y=1.5), rows=[Row(point=Point(x=2, y=1.5), rows=[])]) 2.5 True\n"
    )


def test_a_class_is_the_scripts_own_where_the_script_reads(tmp_path):
    """``isinstance`` holds for a result that the job made."""
    define = "class Result:\n    pass\n"
    assert (
        two_processes(tmp_path, define + "value = Result()\n", "print(type(value).__name__)")
        == "Result\n"
    )
    reader = (tmp_path / "reader.py").read_text()
    (tmp_path / "reader.py").write_text(
        define + reader + "\nprint(type(value) is Result, isinstance(value, Result))\n"
    )
    done = subprocess.run(
        [sys.executable, "reader.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("True True\n")


def test_what_a_script_uses_of_vcat_is_named_by_its_public_place(tmp_path):
    """Private module paths of vcat stay out of pickles, but for the one that rebuilds functions."""
    out = two_processes(
        tmp_path,
        """
        from vcat import *
        @stage
        def inner(x): return x + 1
        def value(x): return inner.function(x), log_metric.__name__
        """,
        "print(value(1)); print(sorted(set(__import__('re').findall(rb'vcat[._a-z]*', data))))",
    )
    assert out == "(2, 'log_metric')\n[b'vcat', b'vcat._keeping.rebuild']\n"
    assert log_metric.__module__ == "vcat"


def test_equal_functions_give_equal_bytes_in_any_process(tmp_path):
    """The bytes of a bundle must not depend on the hash seed."""
    script = textwrap.dedent(
        """
        import hashlib
        from vcat._keeping.codec import dumps
        A = B = C = D = E = 1
        def f(): return A, B, C, D, E
        print(hashlib.sha256(dumps(f)).hexdigest())
        """
    )
    (tmp_path / "script.py").write_text(script)
    digests = set()
    for seed in "0123":
        done = subprocess.run(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


class Holder:
    def __init__(self):
        self.lock = threading.Lock()


class Slotted:
    __slots__ = ("inner",)


def slotted():
    made = Slotted()
    made.inner = Holder()
    return made


def closing_over(value):
    return lambda: value


def generator():
    yield 1


LOCK = "cannot pickle '_thread.lock' object"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (threading.Lock(), LOCK),
        ({"callbacks": [1, 2, Holder()]}, f"['callbacks'][2].lock: {LOCK}"),
        (slotted(), f".inner.lock: {LOCK}"),
        ((1, {threading.Lock(): 2}), f"[1].key({{}}): {LOCK}"),
        (closing_over(Holder()), f" -> variable 'value'.lock: {LOCK}"),
        (generator(), "cannot pickle 'generator' object"),
        ({"to": socket.socket.__new__(socket.socket)}, "['to']: cannot pickle 'socket' object"),
        ([threading.Thread()], "[0]._{} object"),
        ([sys.stdout], "[0]: cannot pickle '{}"),  # the rest differs between Pythons
    ],
)
def test_what_cannot_be_pickled_is_found(value, text):
    """The path leads to the innermost culprit, as Python would reach it."""
    with pytest.raises(UnpicklableError) as caught:
        dumps(value)
    said = str(caught.value)
    head, _, tail = text.partition("{}")
    assert said.startswith(head)
    assert said.endswith(tail)


def test_locks_and_files_are_refused_by_dill_too(tmp_path):
    """A class of the script brings dill in; dill would send an open lock and a reopened file."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(
                """
                import threading
                from vcat._keeping.codec import dumps
                class Mine: pass
                for culprit in (threading.Lock(), threading.RLock(), open("f", "w")):
                    held = Mine(); held.x = {"deep": culprit}
                    try: dumps(held); print("no error")
                    except Exception as error: print(error)
                """
            ),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    lock, reentrant, file = done.stdout.splitlines()
    assert lock == ".x['deep']: cannot pickle '_thread.lock' object"
    assert reentrant == ".x['deep']: cannot pickle '_thread.RLock' object"
    assert file in (  # before and since Python 3.13
        ".x['deep']: cannot pickle '_io.TextIOWrapper' object",
        ".x['deep']: cannot pickle 'TextIOWrapper' instances",
    )


def test_a_stage_inside_a_value_is_a_mistake_of_the_graph():
    """A stage's body that names another stage is told what to do, not that pickling failed."""
    made = stage(len)([1])

    with pytest.raises(GraphError) as caught:
        dumps(lambda: made)
    assert str(caught.value) == (
        "<stage 'len'> cannot be pickled or copied: its value is known only when the job runs; pass"
        " it as an argument of a stage"
    )


def test_nesting_too_deep_for_pickle_is_said():
    """No interpreter crash, no RecursionError."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(UnpicklableError, match="nested too deeply to be pickled"):
        dumps(deep)


def test_shared_and_self_referencing_values_keep_their_shape():
    """Identity inside one value survives."""
    inner = [1]
    loop = {"one": inner, "two": inner}
    loop["self"] = loop
    back = there_and_back(loop)
    assert back["one"] is back["two"]
    assert back["self"] is back


def test_digests_name_their_algorithm():
    """A store may hold digests of both kinds; an unknown one is said, not guessed."""
    assert portable_digest(b"a").startswith("sha256:")
    assert matches(b"a", portable_digest(b"a"))
    assert matches(b"a", digest(b"a"))
    assert not matches(b"b", digest(b"a"))
    with pytest.raises(FormatError) as caught:
        matches(b"a", "md9:00")
    assert str(caught.value) == (
        "digest 'md9:00' cannot be checked here: algorithm 'md9' is not available; pip install"
        " blake3"
    )


def test_a_wrapper_from_a_module_keeps_that_modules_globals(tmp_path):
    """``functools.wraps`` copies a name; the globals of the wrapper are still its own module's."""
    (tmp_path / "modx.py").write_text(
        "import functools\n"
        "SCALE = 10\nLOG = []\n"
        "def deco(f):\n"
        "    @functools.wraps(f)\n"
        "    def wrapper(*a):\n"
        "        LOG.append(1)\n"
        "        return SCALE * f(*a)\n"
        "    return wrapper\n"
    )
    assert (
        two_processes(
            tmp_path,
            """
            import modx
            SCALE = 2
            @modx.deco
            def g(x): return x * SCALE
            value = g
            """,
            "import modx; print(value(1), modx.LOG)",
        )
        == "20 [1]\n"
    )


def test_cached_functions_of_a_script_travel(tmp_path):
    """``functools.lru_cache`` is rebuilt around its function, with an empty cache."""
    assert (
        two_processes(
            tmp_path,
            """
            import functools
            @functools.lru_cache(maxsize=7)
            def memo(n): return 1 if n < 2 else n * memo(n - 1)
            memo(3)
            value = lambda n: (memo(n), memo.cache_parameters()["maxsize"])
            """,
            "print(value(5))",
        )
        == "(120, 7)\n"
    )


def test_functions_of_two_results_do_not_share_globals():
    """Each load has namespaces of its own outside a job."""
    made = []
    for number in (1, 2):
        namespace = {"__name__": "somewhere_else", "K": number}
        exec("def f(): return K", namespace)
        made.append(there_and_back(namespace["f"]))
    assert [each() for each in made] == [1, 2]


def test_an_old_enumeration_does_not_change_the_scripts_own(tmp_path):
    """Fetching a result of an earlier version leaves the script's classes as they are."""
    define = (
        "from enum import Enum\nclass Color(Enum):\n    RED = 1\n    def say(self): return {!r}\n"
    )
    two_processes(tmp_path, define.format("old") + "value = Color.RED\n", "value")
    reader = (tmp_path / "reader.py").read_text()
    (tmp_path / "reader.py").write_text(
        define.format("new") + reader + "\nprint(value is Color.RED, Color.RED.say())\n"
    )
    done = subprocess.run(
        [sys.executable, "reader.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True new\n"
