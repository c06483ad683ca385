"""What ``vcat show`` prints of a job, of a stage, of artifacts and of the source."""

from __future__ import annotations

import sys
import time

from vcat.errors import VcatError
from vcat_cli.problem import report
from vcat_cli.reading import marks, read_lines
from vcat_cli.standing import item_counts, say_duration, say_status, waits_for
from vcat_cli.table import Column, table_lines
from vcat_cli.text import age, amount, duration, escape, moment, size, terminal_width, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from vcat._looking.deployment import Deployment
    from vcat.records import JobRecord, StageRecord

_STAGES = (
    Column("STAGE", least=12),
    Column("STATUS"),
    Column("DURATION", right=True),
    Column("KEY"),
    Column("OUTPUT", least=8),
    Column("PLACE", least=5),
)
_ARTIFACTS = (
    Column("NAME", least=12),
    Column("SIZE", right=True),
    Column("STAGE", least=8),
    Column("DIGEST", least=8),
)
_LABEL_WIDTH = 12

#: Of how many items that failed there is a line.
_MOST_FAILED = 20


class _Job:
    """All that is known of a job; what cannot be read is said and left out."""

    def __init__(self, job: Deployment) -> None:
        self._job = job
        self.complete = True
        self._said: set[str] = set()
        self.record: JobRecord = job.record()
        self.stages: list[StageRecord] = self._read(job.stages, [])
        self.logged: dict[str, Any] = self._read(job.params, {})
        self.artifacts = self._read(lambda: artifacts_of(job, self.stages), [])
        # While a job runs, its row of the listing does not have these yet.
        metrics = self._read(job.metrics, {}) or self.record.metrics
        tags = self._read(job.tags, {}) or self.record.tags
        self.record = self.record._replace(metrics=metrics, tags=tags)

    def provenance(self) -> dict[str, Any] | None:
        """Where the results come from; ``None`` where the job has not left that."""
        document: dict[str, Any] | None = self._read(self._job.provenance, None)
        return document

    def _read(self, read: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return read()
        except VcatError as error:
            if str(error) not in self._said:  # several parts may be in what is damaged
                self._said.add(str(error))
                report(error)
            self.complete = False
            return otherwise


def show_job(job: Deployment, *, as_json: bool) -> int:
    """Print all about a job."""
    shown = _Job(job)
    if as_json:
        whole = {
            "format": 1,
            "record": "job overview",
            "job": shown.record.to_json(),
            "logged_parameters": shown.logged,
            "stages": [each.to_json() for each in shown.stages],
            "artifacts": shown.artifacts,
        }
        print(to_json(whole))
    else:
        for line in _job_lines(shown):
            print(line)
    return 0 if shown.complete else 1


def _job_lines(shown: _Job) -> list[str]:
    record, now = shown.record, time.time()
    end = now if record.state == "running" else record.ended_at
    submitted = f"{moment(record.submitted_at)} ({age(record.submitted_at, now)})"
    reason = f": {escape(record.reason)}" if record.reason else ""
    facts = {
        "job": escape(record.job_name),
        "state": escape(record.state) + reason,
        "submitted": submitted,
        "started": "" if record.started_at is None else moment(record.started_at),
        "ended": "" if record.ended_at is None else moment(record.ended_at),
        "duration": duration(record.started_at, end).strip("-"),
        "stages": _counts(shown.stages),
        "project": escape(record.project),
        "script": escape(record.script),
        "rerun of": escape(record.rerun_of or ""),
        "parent": escape(record.submitted_by or ""),
        "deployment": escape(record.deployment_type),
        "vcat-core": escape(record.vcat_version),
    }
    lines = _facts(facts)
    sections = {
        "parameters": {**record.parameters, **shown.logged},
        "metrics": record.metrics,
        "tags": record.tags,
    }
    for title, mapping in sections.items():
        if mapping:
            lines += ["", title, *_indented(mapping)]
    wide = terminal_width()
    listed, more = _listed(shown.stages)
    if shown.stages:
        document = shown.provenance()
        counts = item_counts(shown.stages)
        rows = [
            _stage_row(each, now, counts.get(each.number) or _marked(each, document))
            for each in listed
        ]
        lines += ["", *table_lines(_STAGES, rows, wide)]
    for each in listed:
        if each.error is not None and each.status == "failed":
            lines += ["", f"stage {escape(each.id)}: {escape(each.error)}"]
    if more:
        lines += ["", f"{amount(more, 'more failed item')} of maps; --json has all"]
    if shown.artifacts:
        lines += ["", *_artifact_lines(shown.artifacts, wide)]
    return lines


def _counts(stages: list[StageRecord]) -> str:
    """How many stages there are, and how many of them came from the cache; maps by their items."""
    maps = {each.item_of for each in stages}
    single = [each for each in stages if each.number not in maps and each.items != 0]
    cached = sum(each.status == "cached" for each in single)
    return f"{len(single)}, {cached} cached" if cached else ""


def _listed(stages: list[StageRecord]) -> tuple[list[StageRecord], int]:
    """Return the stages to show, of items the first that failed, and how many more have failed."""
    failed = [each for each in stages if each.item_of is not None and each.status == "failed"]
    single = [each for each in stages if each.item_of is None]
    return [*single, *failed[:_MOST_FAILED]], len(failed[_MOST_FAILED:])


def _marked(stage: StageRecord, document: dict[str, Any] | None) -> str:
    return say_status(stage, marks(stage_provenance(document, stage.id)))


def _stage_row(stage: StageRecord, now: float, status: str) -> tuple[str, ...]:
    place = "" if stage.file is None else f"{stage.file}:{stage.line}"
    return (
        escape(stage.id),
        status,
        say_duration(stage, now),
        "-" if stage.key is None else escape(stage.key[:12]),
        "-" if stage.output is None else escape(_short(stage.output)),
        escape(place),
    )


def show_stage(job: Deployment, stage: StageRecord, *, as_json: bool) -> int:
    """Print all about a stage; what only the provenance has, once the job has left one."""
    described = stage_provenance(job.provenance(), stage.id)
    if as_json:
        print(to_json(stage.to_json() | {"provenance": described or None}))
        return 0
    place = None if stage.file is None else f"{stage.file}:{stage.line}"
    memory = described.get("max_memory_bytes")
    items = None if stage.items is None else item_counts(job.stages()).get(stage.number)
    facts = {
        "stage": stage.id,
        "status": waits_for(stage) or stage.status,
        "items": items,
        "error": stage.error,
        "function": stage.name,
        "place": place,
        "started": None if stage.started_at is None else moment(stage.started_at),
        "duration": say_duration(stage, time.time()).strip("-"),
        "attempts": stage.attempts if stage.items is None else None,
        "computed by": stage.computed_by,
        "memory": size(memory) if isinstance(memory, int) else None,
        "key": stage.key,
        "output": stage.output,
    }
    shown = {name: "" if each is None else escape(each) for name, each in facts.items()}
    lines = _facts(shown | {"used": marks(described)})
    inputs = described.get("inputs")
    if isinstance(inputs, list) and inputs:
        lines += ["", "inputs"]
        for each in inputs:
            if isinstance(each, dict):
                lines.append(f"  {escape(each.get('stage'))}  {escape(each.get('digest') or '-')}")
    if read := read_lines(described):
        lines += ["", "read", *(f"  {line}" for line in read)]
    parts = described.get("key_parts")
    if isinstance(parts, dict) and parts.get("files") == {}:
        # Of files only those that arguments name are in a key: empty is not that none counts.
        parts = {name: each for name, each in parts.items() if name != "files"}
    if parts:
        lines += ["", "key parts", *(f"  {line}" for line in to_json(parts).splitlines())]
    for line in lines:
        print(line)
    return 0


def stage_provenance(document: dict[str, Any] | None, wanted: str) -> dict[str, Any]:
    """Return what the provenance of a job says of one stage; nothing where it does not."""
    stages = (document or {}).get("stages")
    for each in stages if isinstance(stages, list) else ():
        if isinstance(each, dict) and each.get("id") == wanted:
            return each
    return {}


def artifacts_of(job: Deployment, stages: list[StageRecord]) -> list[dict[str, Any]]:
    """Return name, size, digest and stage of each artifact, sorted by name."""
    found = {}
    for each in job.events():
        if each["event"] == "artifact" and isinstance(each.get("name"), str):
            found[each["name"]] = {
                "name": each["name"],
                "size": each.get("size"),
                "digest": each.get("digest"),
                "stage": _id_of(stages, each.get("number")),
            }
    return [found[name] for name in sorted(found, key=_by_numbers)]


def _by_numbers(name: str) -> list[tuple[int, str]]:
    """Return what sorts ``plot-2.png`` before ``plot-10.png``."""
    import re  # few jobs have artifacts

    # Texts and numbers take turns; of two numbers the longer is the larger, however long.
    return [
        (len(each.lstrip("0")), each) if place % 2 else (0, each)
        for place, each in enumerate(re.split("([0-9]+)", name))
    ]


def _id_of(stages: list[StageRecord], number: object) -> str | None:
    if isinstance(number, int) and 0 <= number < len(stages):
        return stages[number].id
    return None


def show_artifacts(job: Deployment, *, as_json: bool) -> int:
    """Print the artifacts of a job."""
    artifacts = artifacts_of(job, job.stages())
    if as_json:
        print(to_json(artifacts))
    elif not artifacts:
        print(f"vcat: job {job.job_name} has no artifact", file=sys.stderr)
    else:
        for line in _artifact_lines(artifacts, terminal_width()):
            print(line)
    return 0


def _artifact_lines(artifacts: list[dict[str, Any]], wide: int | None) -> list[str]:
    rows = [
        (
            escape(each["name"]),
            size(each["size"]) if isinstance(each["size"], int) else "-",
            escape(each["stage"] or "-"),
            escape(_short(str(each["digest"]))),
        )
        for each in artifacts
    ]
    return table_lines(_ARTIFACTS, rows, wide)


def show_source(data: bytes) -> int:
    """Print the names and sizes of the files in a ``.tgz``; nothing is unpacked."""
    import io
    import tarfile

    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            rows = [(size(each.size), escape(each.name)) for each in archive if each.isfile()]
    except (tarfile.TarError, EOFError, OSError) as error:
        raise VcatError(f"the source is damaged: {error}") from error
    columns = (Column("SIZE", right=True), Column("FILE", least=8))
    for line in table_lines(columns, rows, terminal_width()):
        print(line)
    return 0


def _short(digest: str) -> str:
    """The algorithm and the first twelve digits of a digest."""
    algorithm, colon, digits = digest.partition(":")
    return f"{algorithm}{colon}{digits[:12]}"


def _facts(facts: Mapping[str, str]) -> list[str]:
    return [f"{name:<{_LABEL_WIDTH}}{text}" for name, text in facts.items() if text]


def _indented(mapping: Mapping[str, Any]) -> list[str]:
    longest = max(len(escape(name)) for name in mapping)
    return [f"  {escape(name):<{longest}}  {escape(value)}" for name, value in mapping.items()]
