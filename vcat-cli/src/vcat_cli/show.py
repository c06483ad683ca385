"""``vcat show``: all about a job, or one thing of it."""

from __future__ import annotations

from vcat.errors import UnknownJobError, VcatError
from vcat_cli.content import write_content
from vcat_cli.jobs import add_job, looked_at, tell_silence
from vcat_cli.text import display, escape, lines, to_json
from vcat_cli.usage import FILES, UsageError, advice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from vcat._looking.deployment import Deployment
    from vcat.records import StageRecord

DESCRIPTION = """\
Show a job: its state, times, parameters, metrics, stages and artifacts. Nothing that the job left
is executed, but for --result."""

EXAMPLES = """\
  vcat show @                                 the newest job
  vcat show train-2026 --stage fit            one stage, with its inputs and what its key is made of
  vcat show train-2026 --stage fit --source   the function of that stage
  vcat show train-2026 --artifact roc.png -o roc.png
  vcat show train-2026 --provenance | jq .distributions"""

_VIEWS = ("artifacts", "artifact", "source", "provenance", "result")


def add_arguments(parser: Any) -> None:
    """Add what ``vcat show`` takes."""
    add_job(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--stage", metavar="ID", help="one stage of the job")
    view = parser.add_mutually_exclusive_group()
    view.add_argument("--artifacts", action="store_true", help="the artifacts")
    view.add_argument("--artifact", metavar="NAME", help="the content of an artifact")
    view.add_argument(
        "--source",
        action="store_true",
        help="the files of the project as it was sent, with -o as a .tgz;"
        " with --stage the source of its function and of what wraps it",
    )
    view.add_argument(
        "--provenance", action="store_true", help="where the results come from, as JSON"
    )
    view.add_argument(
        "--result",
        action="store_true",
        help="the repr of the result, with --stage of that stage's; this loads the value, which"
        " runs code of the job's classes",
    )
    output = parser.add_argument(
        "-o",
        dest="output",
        metavar="FILE",
        help="with --artifact or --source: write it there; - is standard output",
    )
    output.complete = FILES


def execute(arguments: Namespace) -> int:
    """Show a job or one thing of it."""
    view = next((each for each in _VIEWS if getattr(arguments, each) not in (None, False)), None)
    _check(arguments, view)
    job = looked_at(arguments.job)
    try:
        code = _show(job, arguments, view)
    except VcatError:
        tell_silence(job)
        raise
    return max(code, tell_silence(job))


def _show(job: Deployment, arguments: Namespace, view: str | None) -> int:
    if view == "artifact":
        return _show_artifact(job, arguments)
    if view == "result":
        return _show_result(job, arguments.stage)
    if view == "source":
        return _show_source(job, arguments)
    if view == "provenance":
        print(to_json(_provenance(job)))
        return 0
    from vcat_cli import overview

    if view == "artifacts":
        return overview.show_artifacts(job, as_json=arguments.json)
    if arguments.stage is not None:
        stage = _stage(job, arguments.stage)
        return overview.show_stage(job, stage, as_json=arguments.json)
    return overview.show_job(job, as_json=arguments.json)


def _check(arguments: Namespace, view: str | None) -> None:
    def refuse(option: str, reason: str) -> None:
        raise UsageError(f"show: {option} {reason}; see `vcat show --help`")

    if arguments.output is not None and view not in ("artifact", "source"):
        refuse("-o", "goes with --artifact or --source")
    if arguments.output is not None and arguments.stage is not None:
        refuse("-o", "does not go with --stage")
    if arguments.stage is not None and view in ("artifacts", "artifact", "provenance"):
        refuse("--stage", f"does not go with --{view}")
    if arguments.json and view in ("artifact", "source", "result"):
        refuse("--json", f"does not go with --{view}")


def _show_artifact(job: Deployment, arguments: Namespace) -> int:
    try:
        data = job.artifact(arguments.artifact)
    except VcatError:
        raise
    except LookupError as error:
        raise UsageError(str(error.args[0])) from error
    return write_content(data, arguments.output, f"artifact {arguments.artifact!r}")


def _show_result(job: Deployment, stage: str | None) -> int:
    import sys

    if stage is None and not job.is_job_complete():
        raise VcatError(f"job {job.job_name} is {job.get_job_status()}; it has no result yet")
    project = job.record().project
    if project:
        sys.path.append(project)  # last: its modules must not stand in for any other
    try:
        value = job.fetch_job_results() if stage is None else job.value_of(stage)
    except VcatError:
        raise
    except LookupError as error:  # no value is kept
        raise UsageError(str(error)) from error
    try:
        text = repr(value)
    except (Exception, SystemExit) as error:  # its class may raise anything
        what = "the result" if stage is None else f"the value of stage {stage!r}"
        raise VcatError(
            f"{what} of job {job.job_name} was loaded and cannot be shown: its repr() raised"
            f" {type(error).__name__}: {error}"
        ) from error
    for line in lines(text):
        print(display(line))
    return 0


def _show_source(job: Deployment, arguments: Namespace) -> int:
    from vcat_cli import overview

    if arguments.stage is not None:
        described = overview.stage_provenance(_provenance(job), _stage(job, arguments.stage).id)
        source = described.get("source")
        if not isinstance(source, str):
            raise VcatError(
                f"the source of stage {arguments.stage!r} is not known; it is where the function"
                " was written in Python and its file was there when the job ran"
            )
        for line in [*lines(source), *_wrapper_lines(described)]:
            print(display(line))
        return 0
    data = job.source()
    if data is None:
        raise VcatError(f"job {job.job_name} has not kept its source yet")
    if arguments.output is not None:
        return write_content(data, arguments.output, "the source")
    return overview.show_source(data)


def _wrapper_lines(described: dict[str, Any]) -> list[str]:
    """Return the source of what decorators have put around the function of a stage."""
    from textwrap import dedent

    wrappers, said = described.get("wrappers"), []
    for each in wrappers if isinstance(wrappers, list) else ():
        if isinstance(each, dict) and isinstance(each.get("source"), str):
            place = escape(f"{each.get('file')}:{each.get('line')}")
            said += ["", f"# what runs around it, {place}", *lines(dedent(each["source"]))]
    return said


def _stage(job: Deployment, wanted: str) -> StageRecord:
    records = job.stages()
    for each in records:
        if each.id == wanted:
            return each
    why = job.why_absent(wanted)
    if why is not None:
        raise UnknownJobError(why)
    known = advice(wanted, [each.id for each in records], "stages")
    raise UsageError(f"job {job.job_name} has no stage {wanted!r}{known}")


def _provenance(job: Deployment) -> dict[str, Any]:
    document = job.provenance()
    if document is None:
        raise VcatError(
            f"job {job.job_name} has left no provenance; it is {job.get_job_status()},"
            " and a job leaves it when its stages have ended"
        )
    return document
