"""A store is opened only where nobody else can write, and only if it is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

import pytest

from vcat.errors import FormatError
from vcat_backend_localfs import store as store_module
from vcat_backend_localfs.archive import LocalFileSystemPipelineArchive
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend
from vcat_backend_localfs.listing import LocalFileSystemPipelineListing
from vcat_backend_localfs.store import create_store, open_store

KEY = "ab" * 32


@pytest.fixture(autouse=True)
def no_store_is_remembered():
    """Each test opens its stores as a new process would."""
    store_module._stores.clear()


@pytest.fixture
def path(tmp_path):
    """The path of a store that does not exist."""
    return str(tmp_path / "store")


def refusal(path, kind):
    """Return the message of the error with which *path* is refused, by reading and by writing."""
    messages = []
    for call in (open_store, create_store):
        with pytest.raises(kind) as caught:
            call(path)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    return messages[0]


def tree(path):
    """Return all paths below *path* with their permission bits."""
    found = {}
    for root, directories, files in os.walk(path):
        for name in directories + files:
            full = os.path.join(root, name)
            found[os.path.relpath(full, path)] = os.lstat(full).st_mode & 0o777
    return found


def fill(path):
    """Write something of each kind into a store."""
    from vcat.records import JobRecord

    LocalFileSystemCacheBackend(path).put(KEY, b"value")
    LocalFileSystemPipelineArchive(path).store("job-1", "a/b", b"data")
    LocalFileSystemPipelineListing(path).put(JobRecord("job-1", "queued", 1.5))


LAYOUT = {
    "vcat-store.json": 0o600,
    "cache": 0o700,
    "cache/a": 0o700,
    f"cache/a/{KEY[1:]}": 0o600,
    "archive": 0o700,
    "archive/job-1": 0o700,
    "archive/job-1/a+": 0o700,
    "archive/job-1/a+/b": 0o600,
    "listing": 0o700,
    "listing/0000000001.500000000_job-1.json": 0o600,
}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_nothing_is_open_to_others(tmp_path, umask):
    """Whatever the umask, directories are 0700 and files 0600, missing parents included."""
    old = os.umask(umask)
    try:
        fill(str(tmp_path / "parent" / "store"))
    finally:
        os.umask(old)
    assert tree(tmp_path) == {
        "parent": 0o700,
        "parent/store": 0o700,
        **{f"parent/store/{name}": mode for name, mode in LAYOUT.items()},
    }


def test_setgid_parent_opens_nothing(tmp_path):
    """In a directory that hands its group down, the store is private all the same."""
    tmp_path.chmod(0o2777)
    fill(str(tmp_path / "store"))
    assert all(mode & 0o077 == 0 for mode in tree(tmp_path).values())


def test_reading_creates_nothing(tmp_path, path):
    """Asking a store that does not exist, or an empty directory, leaves no trace."""
    for _ in range(2):
        assert LocalFileSystemCacheBackend(path).get(KEY) is None
        assert not LocalFileSystemCacheBackend(path).contains(KEY)
        assert LocalFileSystemPipelineArchive(path).fetch("job-1", "a") is None
        assert list(LocalFileSystemPipelineArchive(path).names("job-1")) == []
        assert list(LocalFileSystemPipelineListing(path).records()) == []
        assert LocalFileSystemPipelineListing(path).get("job-1") is None
        assert tree(tmp_path) in ({}, {"store": 0o755})
        os.makedirs(path, 0o755, exist_ok=True)


def test_empty_directory_becomes_a_store(path):
    """A directory made by hand is used as it is; the marker says what it is from then on."""
    os.mkdir(path, 0o755)
    fill(path)
    assert tree(path) == LAYOUT
    with open(f"{path}/vcat-store.json", "rb") as file:
        assert file.read() == b'{"format": 1, "store": "vcat-backend-localfs"}\n'


def test_leftovers_of_a_creation_that_was_killed_do_not_matter(path):
    """A directory with nothing but files being written is as good as an empty one."""
    os.mkdir(path, 0o700)
    with open(f"{path}/.tmp-{'0' * 32}", "w"):
        pass
    assert open_store(path) is None
    assert create_store(path).path == path


def test_directory_with_something_else_in_it_is_refused(path):
    """Nothing is put into a directory that is used for something else."""
    os.mkdir(path)
    with open(f"{path}/thesis.tex", "w"):
        pass
    assert refusal(path, FileExistsError) == (
        f"directory {path!r} is not empty and not a vcat store: it has no 'vcat-store.json';"
        " name an empty directory, or one that does not exist"
    )
    assert os.listdir(path) == ["thesis.tex"]


def test_symbolic_link_is_refused(tmp_path, path):
    """A link in place of the store is not followed, wherever it leads."""
    os.mkdir(f"{tmp_path}/target", 0o700)
    os.symlink("target", path)
    assert refusal(path, PermissionError) == (
        f"store {path!r} is a symbolic link; name the directory itself: '{tmp_path}/target'"
    )
    assert os.listdir(f"{tmp_path}/target") == []


def test_file_is_refused(path):
    """A file in place of the store is named as what it is."""
    with open(path, "w"):
        pass
    assert refusal(path, NotADirectoryError) == (f"store {path!r} is a file; name a directory")


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o720, 0o1777])
def test_directory_others_can_write_in_is_refused(path, mode):
    """What others can write is not read; the message has owner, mode and remedy."""
    os.mkdir(path)
    os.chmod(path, mode)
    owner = store_module._user(os.geteuid())
    assert refusal(path, PermissionError) == (
        f"store {path!r} (owner {owner}, mode {mode:04o}) can be written by other users;"
        f" if you trust what is in it: chmod go-w {path}"
    )
    os.chmod(path, mode & 0o700)
    create_store(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
@pytest.mark.parametrize("is_file", [False, True])
def test_directory_of_another_user_is_refused(path, is_file):
    """A path that another user has taken first is refused, with the name of that user."""
    if is_file:
        with open(path, "w"):
            pass
        os.chmod(path, 0o755)
    else:
        os.mkdir(path, 0o755)
    os.chown(path, 12345, -1)
    assert refusal(path, PermissionError) == (
        f"store {path!r} (owner uid 12345, mode 0755) belongs to another user, this process runs"
        f" as {store_module._user(os.geteuid())}; name a directory of your own"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_private_directory_of_another_user_is_refused():
    """A directory that cannot even be opened is refused with the name of its owner."""
    program = (
        "import os, sys\n"
        "from vcat_backend_localfs import store\n"
        "import pwd\n"
        "os.seteuid(12345)\n"
        "try: store.create_store(sys.argv[1])\n"
        "except PermissionError as error: print(error)\n"
    )
    with tempfile.TemporaryDirectory() as parent:  # tmp_path lies below a private directory
        os.chmod(parent, 0o755)
        path = f"{parent}/store"
        os.mkdir(path, 0o700)
        completed = subprocess.run(
            [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
        )
    assert completed.stdout == (
        f"store {path!r} (owner {store_module._user(0)}, mode 0700) belongs to another user,"
        " this process runs as uid 12345; name a directory of your own\n"
    )


def test_directory_swapped_after_the_check_is_not_written_to(tmp_path, path):
    """What an attacker puts in the place of an opened store is never read or written."""
    cache = LocalFileSystemCacheBackend(path)
    cache.put(KEY, b"mine")
    os.rename(path, f"{tmp_path}/moved")
    os.mkdir(path, 0o777)
    os.makedirs(f"{path}/cache/a")
    with open(f"{path}/cache/a/{KEY[1:]}", "w") as file:
        file.write("planted")
    os.chmod(path, 0o777)
    assert cache.get(KEY) == b"mine"
    with pytest.raises(PermissionError):
        cache.put(KEY, b"new")


def test_planted_links_are_not_followed(tmp_path, path):
    """A symbolic link in a store is neither read through nor written through."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    archive = LocalFileSystemPipelineArchive(path)
    archive.store("job-1", "a", b"")
    os.remove(f"{path}/archive/job-1/a")
    os.symlink(secret, f"{path}/archive/job-1/a")
    with pytest.raises(FormatError) as caught:
        archive.fetch("job-1", "a")
    assert str(caught.value) == (
        f"{path}/archive/job-1/a is a symbolic link, expected a regular file; remove it"
    )
    archive.store("job-1", "a", b"new")
    assert secret.read_bytes() == b"secret"
    assert archive.fetch("job-1", "a") == b"new"


@pytest.mark.parametrize(("make", "kind"), [(os.mkfifo, "special file"), (os.mkdir, "directory")])
def test_what_is_not_a_file_is_an_error(path, make, kind):
    """A FIFO does not block, and nothing is taken for an absent value that is not absent."""
    cache = LocalFileSystemCacheBackend(path)
    cache.put(KEY, b"")
    place = f"{path}/cache/a/{KEY[1:]}"
    os.remove(place)
    make(place)
    with pytest.raises(FormatError) as caught:
        cache.get(KEY)
    assert str(caught.value) == f"{place} is a {kind}, expected a regular file; remove it"
    assert not cache.contains(KEY)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "store": "x"}', b"[" * 4000, b"\xff"],
)
def test_damaged_marker_is_an_error_with_the_remedy(path, content):
    """A marker that cannot be read is not taken for a store, nor replaced."""
    create_store(path)
    store_module._stores.clear()
    with open(f"{path}/vcat-store.json", "wb") as file:
        file.write(content)
    assert refusal(path, FormatError) == (
        f"{path}/vcat-store.json does not mark a vcat store: {content[:80]!r}; if this directory"
        ' is one, write {"format": 1, "store": "vcat-backend-localfs"} into that file'
    )


def test_store_of_a_later_version_is_refused(path):
    """A store written by a later vcat is neither read nor changed."""
    create_store(path)
    store_module._stores.clear()
    with open(f"{path}/vcat-store.json", "w") as file:
        json.dump({"format": 2, "store": "vcat-backend-localfs", "new": []}, file)
    assert refusal(path, FormatError) == (
        f"{path}/vcat-store.json: store has format 2, this vcat-backend-localfs reads 1;"
        " upgrade vcat-backend-localfs"
    )


def test_removed_store_is_made_again(path):
    """A store that was removed under a process is seen as empty and made anew by a put."""
    import shutil

    cache, archive = LocalFileSystemCacheBackend(path), LocalFileSystemPipelineArchive(path)
    archive.store("job-1", "a", b"old")
    cache.put(KEY, b"old")
    shutil.rmtree(path)
    assert archive.fetch("job-1", "a") is None
    assert cache.get(KEY) is None
    cache.put(KEY, b"new")
    assert cache.get(KEY) == b"new"
    assert archive.fetch("job-1", "a") is None


def test_store_made_again_by_others_is_seen(tmp_path, path):
    """Archive and listing notice that the directory is another one by now."""
    archive = LocalFileSystemPipelineArchive(path)
    archive.store("job-1", "a", b"old")
    other = LocalFileSystemPipelineArchive(str(tmp_path / "other"))
    other.store("job-1", "a", b"new")
    os.rename(path, tmp_path / "moved")
    os.rename(other.path, path)
    assert archive.fetch("job-1", "a") == b"new"


def test_store_opened_once_is_checked_again_when_its_mode_changes(path):
    """Opening a store up to others is noticed by a process that has it open."""
    archive = LocalFileSystemPipelineArchive(path)
    archive.store("job-1", "a", b"")
    os.chmod(path, 0o777)
    with pytest.raises(PermissionError):
        archive.fetch("job-1", "a")


@pytest.mark.skipif(sys.platform != "linux", reason="open descriptors are read from /proc")
def test_many_stores_keep_few_descriptors_open(tmp_path):
    """A process that goes through many stores does not run out of descriptors."""
    for number in range(60):
        create_store(str(tmp_path / str(number)))
    assert len(store_module._stores) <= 16
    open_directories = [
        target
        for target in (_link(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
        if target.startswith(str(tmp_path))
    ]
    assert len(open_directories) <= 16


def _link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def test_backends_import_nothing_heavy(path):
    """Start-up time is a feature: naming, opening and using a store costs no big import."""
    program = (
        "import sys, vcat.abc, dataclasses, json\n"
        "before = set(sys.modules)\n"
        "import vcat_backend_localfs.cache, vcat_backend_localfs.archive\n"
        "from vcat_backend_localfs.listing import LocalFileSystemPipelineListing as Listing\n"
        "from vcat.records import JobRecord\n"
        "listing = Listing(sys.argv[1])\n"
        "listing.put(JobRecord('job-1', 'queued', 1.0))\n"
        "assert len(list(listing.records())) == 1\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    imported = {name.partition(".")[0] for name in completed.stdout.split()}
    assert imported - {"vcat_backend_localfs"} <= set(sys.builtin_module_names)


def test_many_processes_create_one_store(path):
    """Processes that find no store at the same moment end up with one, and lose nothing."""
    program = (
        "import sys\n"
        "from vcat_backend_localfs.cache import LocalFileSystemCacheBackend as Cache\n"
        "sys.stdin.read()\n"
        "Cache(sys.argv[1]).put(sys.argv[2], b'x')\n"
    )
    keys = [f"{number:064x}" for number in range(6)]
    writers = [
        subprocess.Popen([sys.executable, "-c", program, path, key], stdin=subprocess.PIPE)
        for key in keys
    ]
    for writer in writers:
        writer.stdin.close()
    assert [writer.wait() for writer in writers] == [0] * 6
    assert [LocalFileSystemCacheBackend(path).get(key) for key in keys] == [b"x"] * 6


def test_a_place_that_takes_no_directories_is_said() -> None:
    """The system's own error comes out, and the search for a parent ends."""
    if not os.path.isdir("/proc/self"):
        pytest.skip("there is no /proc here")
    with pytest.raises(FileNotFoundError):
        create_store("/proc/nope/store")
