"""The bundle of a job: written beside the project, handed over, removed.

``docs/formats.md`` describes every byte.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vcat._keeping.submitter import describe_submitter
from vcat._shipping.bundling import manifest
from vcat._shipping.bundling.compression import choose_compression
from vcat._shipping.bundling.editable import find_editable_modules
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.part import PartInfo, PartWriter
from vcat._shipping.bundling.project import add_project
from vcat._shipping.bundling.runtime import LAUNCHER, REQUIREMENTS, add_runtime, unpack_own
from vcat._shipping.bundling.shelf import Placed
from vcat._shipping.bundling.staging import Staging, sweep
from vcat._shipping.choosing.name import check_job_name
from vcat._shipping.choosing.tree import BYTE_LIMIT, FILE_LIMIT, Tree, scan
from vcat.errors import BundleError
from vcat.records import Bundle

_LAUNCHER_FILES = ("main.py", "run.sh", "unpacking.py")
_NOT_WRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_PIECE = 1 << 20

# The second names of what is written; see the staging directory.
_BUNDLE = "bundle.tgz"
_SOURCE = "source.tgz"

#: The directories with the second names of this process's bundles, by their paths.
_stagings: dict[str, Staging] = {}


def write_bundle(
    *,
    job_name: str,
    project: str,
    source: bytes | None = None,
    job_files: Mapping[str, bytes],
    distributions: Sequence[str],
    environment: Mapping[str, str],
    source_archive: str | None = None,
    exclude: Sequence[str] = (),
    scratch: str | None = None,
    submitter: Mapping[str, Any] | None = None,
    warn: Callable[[str], None],
    byte_limit: int = BYTE_LIMIT,
    file_limit: int = FILE_LIMIT,
) -> Bundle:
    """Write ``<job name>.tgz`` to the parent directory of the project.

    Whatever goes wrong, an interruption included, nothing of it is left behind. What a process that
    was killed has left there is removed.

    Args:
        job_name: The name of the job.
        project: The directory that travels.
        source: What travels in its place: the project as an earlier job has archived it.
        job_files: What makes up the job, by name.
        distributions: The installed distributions that travel with vcat-core.
        environment: Variables for the job.
        source_archive: Where the project by itself lies as a ``.tgz`` while this runs. A file that
            is there already is left alone.
        exclude: Absolute paths that do not travel.
        scratch: Where a private directory is made if the parent cannot be written; by default where
            temporary files go.
        submitter: What names this process, where that is known already.
        warn: Called with one line for each thing that stays behind unasked.
        byte_limit: The size of the project that is not taken for a mistake.
        file_limit: The number of its files and directories that is not.

    Raises:
        BundleError: Something in the project cannot travel, or there is no room for the bundle.
        FormatError: *source* is not what a job archives.
    """
    check_job_name(job_name)
    unpack_own()
    directory = os.path.abspath(project)
    path = os.path.join(os.path.dirname(directory), f"{job_name}.tgz")
    sweep(os.path.dirname(path))  # before the project is looked at: something of it may be in there
    tree = None
    if source is None:
        tree = scan(
            directory,
            exclude=[*exclude, path, *([source_archive] if source_archive else [])],
            byte_limit=byte_limit,
            file_limit=file_limit,
        )
        for each in tree.warnings:
            warn(each)
    launcher = {each: _read(os.path.join(LAUNCHER, each)) for each in _LAUNCHER_FILES}
    needed = tree.size if tree is not None else len(source or b"")
    needed += sum(map(len, job_files.values()))
    names = {_BUNDLE: f"../{job_name}.tgz"}
    if source_archive is not None:
        names[_SOURCE] = source_archive
    with _new_output(path, names, scratch, submitter or describe_submitter(), needed) as output:
        output.write(bytes(manifest.SIZE))
        parts = [_add_launcher(launcher, output), _add_job(job_files, output)]
        shipped = add_runtime(distributions, output)
        parts += [each.info for each in shipped.parts]
        parts += _add_editable(find_editable_modules(directory, shipped.modules), output, warn)
        placed = _add_project(tree, source or b"", output)
        end = _add_end(output)
        if source_archive is not None:
            _show_source_archive(_stagings[output.path], output, placed, warn)
        provides = {REQUIREMENTS: shipped.provides}
        first = manifest.build_manifest(job_name, [*parts, placed.info, end], provides)
        output.overwrite(0, first)
    return Bundle(
        job_name=job_name,
        path=output.path,
        size=output.size,
        files={
            **launcher,
            "unpacking.pyc": shipped.unpacking,
            "bundle.digest": manifest.build_digest(first),
        },
        environment=dict(environment),
        python=sys.executable,
    )


def remove(bundle: Bundle) -> None:
    """Remove what :func:`write_bundle` left, as far as it is still there."""
    _remove(bundle.path)


def _remove(path: str) -> None:
    staging = _stagings.pop(path, None)
    if staging is not None:
        staging.remove()


@contextlib.contextmanager
def _new_output(
    path: str,
    names: dict[str, str],
    scratch: str | None,
    submitter: Mapping[str, Any] | None,
    needed: int,
) -> Iterator[Output]:
    output = _create(path, names, scratch, submitter, needed)
    try:
        yield output
        output.close()
    except BaseException:
        with contextlib.suppress(OSError):
            output.close()
        _remove(output.path)
        raise


def _create(
    path: str,
    names: dict[str, str],
    scratch: str | None,
    submitter: Mapping[str, Any] | None,
    needed: int,
) -> Output:
    try:
        return _stage(os.path.dirname(path), names, submitter, needed)
    except FileExistsError:
        raise BundleError(
            f"{path}: there is such a file already, as a submission that was killed leaves it;"
            " remove it, or give the job another name"
        ) from None
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise BundleError(
                f"{path}: the bundle cannot be created: {_reason(error)};"
                " mend that, or run the script in another directory"
            ) from error
    import tempfile

    try:
        parent = scratch or tempfile.gettempdir()
        sweep(parent)
        return _stage(parent, names | {_BUNDLE: os.path.basename(path)}, submitter, needed)
    except OSError as error:
        raise BundleError(
            f"{path}: the bundle can be created neither there nor in a temporary directory:"
            f" {_reason(error)}; let one of them be written, or set TMPDIR"
        ) from error


def _stage(
    parent: str, names: dict[str, str], submitter: Mapping[str, Any] | None, needed: int
) -> Output:
    staging = Staging(parent, names, submitter)
    try:
        output = staging.create(_BUNDLE, needed)
        _stagings[output.path] = staging
    except BaseException:
        staging.remove()
        raise
    return output


def _add_launcher(files: Mapping[str, bytes], output: Output) -> PartInfo:
    writer = PartWriter("launcher", output, choose_compression(0))
    for name, content in files.items():
        writer.add_bytes(name.encode(), content, executable=name.endswith(".sh"))
    return writer.close()


def _add_job(files: Mapping[str, bytes], output: Output) -> PartInfo:
    writer = PartWriter("job", output, choose_compression(sum(map(len, files.values()))))
    writer.add_files("job", {os.fsencode(name): content for name, content in files.items()})
    return writer.close()


def _add_editable(
    modules: Mapping[str, str], output: Output, warn: Callable[[str], None]
) -> list[PartInfo]:
    if not modules:
        return []
    trees = {name: scan(place) for name, place in modules.items() if os.path.isdir(place)}
    compression = choose_compression(sum(each.size for each in trees.values()))
    writer = PartWriter("editable", output, compression)
    writer.add_directory(b"editable")
    for name, place in modules.items():
        top = os.fsencode(f"editable/{name}")
        if name in trees:
            for each in trees[name].warnings:
                warn(f"{place}: {each}")
            writer.add_tree(top, trees[name])
        else:
            writer.add_bytes(top + b".py", _read(place))
    return [writer.close()]


def _add_project(tree: Tree | None, source: bytes, output: Output) -> Placed:
    if tree is not None:
        return add_project(tree, output)
    from vcat._shipping.bundling.archived import (
        add_archived_project,  # only for a job that runs again
    )

    return add_archived_project(source, output)


def _add_end(output: Output) -> PartInfo:
    writer = PartWriter("end", output, choose_compression(0))
    writer.add_end()
    return writer.close()


def _show_source_archive(
    staging: Staging, output: Output, source: Placed, warn: Callable[[str], None]
) -> None:
    """Write the project by itself to its place and take it away again.

    The part of the project and what ends the archive follow one another in the bundle.
    """
    path = staging.place(_SOURCE)
    try:
        archive = staging.create(_SOURCE, output.size - source.position)
    except FileExistsError:
        warn(
            f"{path}: there is such a file already; the archive of the source is not written there"
        )
        return
    except OSError as error:
        raise BundleError(
            f"{path}: the archive of the source cannot be created: {_reason(error)};"
            " make its directory, or change target_path of job_source_bundle"
        ) from error
    try:
        position = source.position
        while piece := os.pread(output.fd, _PIECE, position):
            archive.write(piece)
            position += len(piece)
    finally:
        with contextlib.suppress(OSError):
            archive.close()
        staging.discard(_SOURCE)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
