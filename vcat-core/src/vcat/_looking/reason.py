"""Why a stage ran: what of its key is not what it was, as two records of the stage tell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Reason(NamedTuple):
    """One thing that is not as it was, or another cause of a stage running.

    Attributes:
        kind: What it is: ``own code``, ``function``, ``class``, ``constant``, ``module``,
            ``extension``, ``sources``, ``reference``, ``value``, ``version``, ``seed``,
            ``argument``, ``file``, ``result``, ``library``, ``python``, ``recipe`` where that
            changed; ``first``, ``off``, ``not cached``, ``damaged``, ``unavailable``, ``gone``,
            ``failed before``, ``not cached before``, ``unfinished``, ``key``, ``unknown`` for other
            causes.
        name: Of what: ``clean.outliers``, ``C``, ``data.csv``, ``numpy``, the id of a stage, a job.
        before: What it was: a value, a version or a digest; ``None`` where there was none.
        after: What it is.
        text: All of it, for people.
    """

    kind: str
    name: str | None
    before: str | None
    after: str | None
    text: str


class Comparison:
    """Two records of jobs, of which stages are compared.

    Args:
        now: The provenance of the job whose stages ran.
        then: That of an earlier one.
        ids: What the stages of the earlier one are called now, by id; others are gone.
    """

    def __init__(
        self, now: Mapping[str, Any], then: Mapping[str, Any], ids: Mapping[str, str]
    ) -> None:
        self._now = now
        self._then = then
        self._ids = ids
        self._new_ids = frozenset(ids.values())
        # Thousands of stages may have the same code.
        self._code: dict[tuple[str, str], list[Reason]] = {}
        stages = now.get("stages")
        known = [mapping(each) for each in stages] if isinstance(stages, list) else []
        self._uncached = {text(e.get("id")) for e in known if e.get("not_cached") and e.get("file")}
        self._items = {text(e.get("id")): _item(e) for e in known if not e.get("file")}

    def reasons(self, now: Mapping[str, Any], then: Mapping[str, Any]) -> list[Reason]:
        """Return what of the key of a stage has changed, the most specific first."""
        parts, earlier = mapping(now.get("key_parts")), mapping(then.get("key_parts"))
        python = _changed(earlier.get("python"), parts.get("python"))
        recipe = _changed(earlier.get("recipe"), parts.get("recipe"))
        found: list[Reason] = []
        libraries: list[Reason] = []
        for each in self._code_reasons(text(earlier.get("code")), text(parts.get("code"))):
            if each.kind == "library":
                libraries.append(each)
            elif not python and not recipe:
                # Otherwise the digests of all code differ, whatever was edited.
                found.append(each)
        if earlier.get("version") != parts.get("version"):
            found.append(_said("version", earlier.get("version"), parts.get("version")))
        if earlier.get("seed") != parts.get("seed"):
            found.append(_said("seed", earlier.get("seed"), parts.get("seed")))
        found += _arguments(earlier, parts, shown_only=recipe)
        if not recipe:
            found += _files(mapping(earlier.get("files")), mapping(parts.get("files")))
            found += self._results(then, now)
        found += libraries
        if python:
            before, after = str(earlier.get("python")), str(parts.get("python"))
            found.append(Reason("python", "python", before, after, _python(before, after)))
        if recipe:
            before, after = str(earlier.get("recipe")), str(parts.get("recipe"))
            said = f"vcat itself files results anew (recipe {before} -> {after})"
            found.append(Reason("recipe", "recipe", before, after, said))
        return found

    def _results(self, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Reason]:
        """Yield the upstream stages whose results, as the key has them, are not what they were."""
        joined = _joined(then), _joined(now)
        if joined[0] == joined[1]:
            return
        old, new = set(joined[0]), set(joined[1])
        after, seen = _inputs(now), False
        before, gone = dict[str, str | None](), dict[str, str | None]()
        for name, digest in _inputs(then).items():
            given = self._ids.get(name, name)
            # What is called so now may be another stage than what was called so then.
            of = gone if name not in self._ids and name in self._new_ids else before
            of[given] = digest
        for name, given in _renamed(before, after).items():
            before[given] = before.pop(name)
        for name, digest in after.items():
            if digest not in new:
                continue  # in an argument that is ignored
            if name not in before:
                seen = True
                said = f"upstream {self._said(name)} is new"
                yield Reason("result", name, None, digest, said)
            elif before[name] != digest:
                seen = True
                what = self._said(name)
                what += ", which is not cached," if name in self._uncached else ""
                said = f"upstream {what} gave another result"
                yield Reason("result", name, before[name], digest, said)
        gone.update({name: digest for name, digest in before.items() if name not in after})
        for name, digest in gone.items():
            if digest in old:
                seen = True
                yield Reason("result", name, digest, None, f"upstream {name} is gone")
        if not seen:
            yield Reason("result", None, None, None, "an upstream result is another")

    def _said(self, name: str) -> str:
        """Return what people call a stage: one that takes an item by that of the item."""
        return self._items.get(name) or name

    def _code_reasons(self, before: str, after: str) -> list[Reason]:
        if before == after:
            return []
        known = self._code.get((before, after))
        if known is None:
            known = self._code[before, after] = list(self._compare_code(before, after))
        return known

    def _compare_code(self, before: str, after: str) -> Iterator[Reason]:
        then = mapping(mapping(self._then.get("codes")).get(before))
        now = mapping(mapping(self._now.get("codes")).get(after))
        old, new = mapping(then.get("parts")), mapping(now.get("parts"))
        if not old or not new:
            yield Reason("own code", None, before, after, "its code changed")
            return
        own, earlier = text(now.get("function")), text(then.get("function"))
        seen = False
        if old.get(earlier) != new.get(own):
            seen = True
            values = _text(old.get(earlier)), _text(new.get(own))
            yield Reason("own code", own, *values, "its own code changed")
        for label in sorted((old.keys() | new.keys()) - {own, earlier}):
            if old.get(label) != new.get(label):
                seen = True
                yield self._part(label, _text(old.get(label)), _text(new.get(label)))
        if not seen:
            said = "a name in its code means something else"
            yield Reason("reference", None, before, after, said)

    def _part(self, label: str, before: str | None, after: str | None) -> Reason:
        """Return a changed part of the code, by what it is."""
        plain = label.partition("#")[0]
        known = mapping(mapping(self._now.get("names")).get(plain))
        earlier = mapping(mapping(self._then.get("names")).get(plain))
        known, earlier = known or earlier, earlier or known
        kind, file = text(known.get("kind")) or "value", text(known.get("file"))
        name = text(known.get("name")) or plain
        if kind == "library":
            return Reason(kind, label, before, after, _library(label, before, after))
        if kind == "sources":
            said = "a source file of the project changed"
            return Reason(kind, label, before, after, said)
        if kind == "module":
            what = file or plain
        elif kind == "extension":
            what = f"the compiled module {plain}"
        else:
            called = f"{name}()" if kind == "function" else name
            what = f"{file}: {called}" if file else called
        values = _text(earlier.get("shown")), _text(known.get("shown"))
        if before is not None and after is not None and _differ(*values):
            return Reason(kind, label, *values, f"{what} {values[0]} -> {values[1]}")
        said = "is new" if before is None else "is gone" if after is None else "changed"
        return Reason(kind, label, before, after, f"{what} {said}")


def mapping(value: object) -> Mapping[str, Any]:
    """Return *value* if it is an object of JSON, else an empty one: records may be anybody's."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """Return *value* if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def texts(value: object) -> list[str]:
    """Return the texts in *value* if it is a list, else none."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def file_reason(name: str, before: str | None, after: str | None) -> Reason:
    """Return the reason that a file is not what it was."""
    said = "appeared" if before is None else "is gone" if after is None else "changed"
    return Reason("file", name, before, after, f"{name} {said}")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _item(stage: Mapping[str, Any]) -> str:
    """Return ``fit#2[0]`` of a stage that takes that, whatever its own id is; else nothing."""
    upstream = next(iter(_inputs(stage)), "")
    _, bracket, index = text(stage.get("name")).rpartition("[")
    return f"{upstream}{bracket}{index}" if upstream and bracket else ""


def _changed(before: object, after: object) -> bool:
    return before is not None and after is not None and before != after


def _differ(before: str | None, after: str | None) -> bool:
    """Return whether two shown values are known and tell the difference."""
    return None not in (before, after) and before != after


def _said(what: str, before: object, after: object) -> Reason:
    old, new = (None if each is None else json.dumps(each) for each in (before, after))
    if old is None:
        said = f"{what} {new} is new"
    else:
        said = f"{what} {old} is gone" if new is None else f"{what} {old} -> {new}"
    return Reason(what, what, old, new, said)


def _python(before: str, after: str) -> str:
    old, new = (each.removeprefix("cpython ") for each in (before, after))
    return f"Python {old} -> {new}"


def _library(name: str, before: str | None, after: str | None) -> str:
    old, new = (
        # Of what has no version the digest stands there, which tells nobody anything.
        "" if each is None or _is_digest(each) else f" {each}"
        for each in (before, after)
    )
    if before is None:
        return f"{name}{new} is new"
    if after is None:
        return f"{name}{old} is gone"
    return f"{name}{old} ->{new}" if old and new else f"{name} changed"


def _is_digest(version: str) -> bool:
    return len(version) == 64 and not version.strip("0123456789abcdef")


def _arguments(
    earlier: Mapping[str, Any], parts: Mapping[str, Any], *, shown_only: bool
) -> Iterator[Reason]:
    old, new = mapping(earlier.get("arguments")), mapping(parts.get("arguments"))
    files = mapping(earlier.get("files")), mapping(parts.get("files"))
    for name in dict.fromkeys([*new, *old]):
        before, after = mapping(old.get(name)), mapping(new.get(name))
        digests = _text(before.get("digest")), _text(after.get("digest"))
        shown = _text(before.get("shown")), _text(after.get("shown"))
        what = f"argument {name.lstrip('*')}"
        if not before or not after:
            said = "is new" if not before else "is gone"
            yield Reason("argument", name, *(shown if any(shown) else digests), f"{what} {said}")
        elif digests[0] == digests[1]:
            continue
        elif _differ(*shown):
            yield Reason("argument", name, *shown, f"{what} {shown[0]} -> {shown[1]}")
        elif not shown_only and not _is_explained(before, after, *files):
            yield Reason("argument", name, *digests, f"{what} changed")
        elif not shown_only:
            named = texts(before.get("files")), texts(after.get("files"))
            for each in dict.fromkeys([*named[1], *named[0]]):
                if (each in named[0]) != (each in named[1]):
                    known = (_text(side.get(each)) for side in files)
                    yield file_reason(each, *known)


def _is_explained(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> bool:
    """Return whether files or upstream results that are in an argument have changed.

    A value in which files have come or gone is explained by them only where it is shown: else it
    may be another path.
    """
    results = texts(before.get("results")), texts(after.get("results"))
    if results[0] != results[1]:
        return True  # which of them, and whether one is new, the inputs of the stage tell
    named = texts(before.get("files")), texts(after.get("files"))
    if named[0] != named[1] and before.get("shown") is None:
        return False
    return any(old.get(each) != new.get(each) for each in {*named[0], *named[1]})


def _files(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Reason]:
    for name in dict.fromkeys([*new, *old]):
        if name in old and name in new and old[name] != new[name]:
            yield file_reason(name, _text(old[name]), _text(new[name]))


def _renamed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """Return the new ids of upstream stages of which only the number in the id has changed."""
    found = {}
    new = [name for name in after if name not in before]
    for name in before.keys() - after.keys():
        same = [each for each in new if each.partition("#")[0] == name.partition("#")[0]]
        if len(same) == 1:
            found[name] = same[0]
            new.remove(same[0])
    return found


def _joined(stage: Mapping[str, Any]) -> list[str]:
    """Return the digests of all upstream results in the key of *stage*."""
    arguments = mapping(mapping(stage.get("key_parts")).get("arguments"))
    return [d for each in arguments.values() for d in texts(mapping(each).get("results"))]


def _inputs(stage: Mapping[str, Any]) -> dict[str, str | None]:
    given = stage.get("inputs")
    found = {}
    for each in given if isinstance(given, list) else ():
        name = text(mapping(each).get("stage"))
        if name:
            found[name] = _text(each.get("digest"))
    return found
