"""What a walk over a project finds, and what it refuses."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys

import pytest

from vcat._shipping.choosing import tree as tree_module
from vcat._shipping.choosing.tree import scan
from vcat.errors import BundleError


def paths(tree):
    return [each.path for each in tree.entries]


def refusal(project, **limits):
    with pytest.raises(BundleError) as caught:
        scan(str(project), **limits)
    return str(caught.value)


def test_order_is_that_of_bytes(project):
    """Directories come before what they hold, each level in the order of its bytes."""
    for name in ("b", "B", "a-", "a/z", "a/b/c", "ä", "script.py.d/x"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("")
    assert paths(scan(str(project))) == [
        b"B", b"a", b"a/b", b"a/b/c", b"a/z", b"a-", b"b", b"script.py", b"script.py.d",
        b"script.py.d/x", "ä".encode(),
    ]  # fmt: skip


def test_empty_directories_travel(project):
    """A directory with nothing in it is an entry too."""
    (project / "out").mkdir()
    assert paths(scan(str(project))) == [b"out", b"script.py"]


def test_odd_names_are_bytes(project):
    """Any name a file system has is listed as it is."""
    names = [
        b"\xff\xfe",
        b"a\nb",
        b"-rf",
        b"x" * 255,
        b"trailing. ",
        b"CON",
        b"x:y",
        b"a\\b",
        b"a",
        b"A",
    ]
    for name in names:
        with open(os.fsencode(project) + b"/" + name, "wb"):
            pass
    assert paths(scan(str(project))) == sorted([*names, b"script.py"])


def test_a_path_as_long_as_a_kernel_takes(project):
    """A relative path of 4,000 bytes is listed, though the whole of it is too long to open."""
    fd = os.open(project, os.O_RDONLY)
    try:
        for _ in range(1999):
            os.mkdir("d", dir_fd=fd)
            below = os.open("d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
        deepest = [b"d/" * 1998 + b"d", b"d/" * 1999 + b"f", b"script.py"]
        assert paths(scan(str(project)))[1998:] == deepest
    finally:
        os.close(fd)
        # shutil.rmtree, which pytest cleans up with, cannot.
        subprocess.run(["rm", "-rf", "--", str(project)], check=True)


def test_what_no_bundle_can_hold_is_passed_over(project):
    """FIFOs, sockets and devices stay behind with one warning each, and nothing waits for them."""
    os.mkfifo(project / "pipe")
    os.mkfifo(project / "new\nline")
    os.symlink("pipe", project / "link")
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(project)
        listening.bind("sock")
    tree = scan(str(project))
    assert paths(tree) == [b"script.py"]
    assert tree.warnings == [
        "link: a FIFO cannot be bundled and stays behind",
        "new\\nline: a FIFO cannot be bundled and stays behind",
        "pipe: a FIFO cannot be bundled and stays behind",
        "sock: a socket cannot be bundled and stays behind",
    ]


def test_links_inside_the_project_are_what_they_lead_to(project):
    """A link to a file is a file, a link to a directory a directory; hard links are files."""
    (project / "data").mkdir()
    (project / "data" / "a.csv").write_text("1")
    os.symlink("data/a.csv", project / "file")
    os.symlink("data", project / "directory")
    os.symlink(project / "data", project / "absolute")
    os.symlink("../data/a.csv", project / "data" / "detour")
    os.link(project / "data" / "a.csv", project / "hard")
    tree = scan(str(project))
    sources = {each.path: each.source for each in tree.entries if not each.directory}
    assert sources == {
        b"absolute/a.csv": b"data/a.csv",
        b"absolute/detour": b"data/a.csv",
        b"data/a.csv": b"data/a.csv",
        b"data/detour": b"data/a.csv",
        b"directory/a.csv": b"data/a.csv",
        b"directory/detour": b"data/a.csv",
        b"file": b"data/a.csv",
        b"hard": b"hard",
        b"script.py": b"script.py",
    }


def test_links_that_lead_nowhere_or_out_are_listed_in_one_error(project):
    """Every loop, dangling link, way out and ambiguous name is in the same message."""
    (project / "sub").mkdir()
    os.symlink("self", project / "self")
    os.symlink(".", project / "sub" / "here")
    os.symlink("..", project / "sub" / "up")
    os.symlink("nothing", project / "dangling")
    os.symlink("/etc/passwd", project / "absolute")
    os.symlink("../..", project / "out")
    os.symlink("script.py", project / "fine")
    (project / "a\\..\\b").write_text("")
    assert refusal(project) == (
        f"{project}: cannot be bundled as it is; mend these, or name them in .vcatignore:\n"
        "  a\\..\\b: other systems would take it for a path\n"
        "  absolute -> /etc/passwd: leads out of the project\n"
        "  dangling -> nothing: leads nowhere\n"
        "  out -> ../..: leads out of the project\n"
        "  self -> self: a loop of links\n"
        "  sub/here -> .: leads back to where it is\n"
        "  sub/up -> ..: leads back to where it is"
    )


def test_links_that_are_ignored_are_not_looked_at(project):
    """What an ignore file names may be as broken as it likes."""
    os.symlink("nothing", project / "dangling")
    (project / ".vcatignore").write_text("dangling\n")
    assert paths(scan(str(project))) == [b".vcatignore", b"script.py"]


def test_two_directories_linked_into_each_other(project):
    """A loop through two links is found, and not walked for ever."""
    for here, there in ("ab", "ba"):
        (project / here).mkdir()
        os.symlink(f"../{there}", project / here / "link")
    assert refusal(project) == (
        f"{project}: cannot be bundled as it is; mend these, or name them in .vcatignore:\n"
        "  a/link/link -> ../a: leads back to where it is\n"
        "  b/link/link -> ../b: leads back to where it is"
    )


def test_hundreds_of_problems_are_cut_short(project):
    """The message lists a hundred and says how many more there are."""
    for number in range(103):
        os.symlink("nothing", project / f"{number:03}")
    lines = refusal(project).splitlines()
    assert len(lines) == 102
    assert lines[-1] == "  ... and 3 more"


def test_a_directory_that_becomes_a_link(project, monkeypatch):
    """What was a directory when it was listed is not followed out of the project later."""
    (project / "data").mkdir()
    child = tree_module._child

    def replace(entry):
        found = child(entry)
        if entry.name == "data":
            (project / "data").rmdir()
            (project / "data").symlink_to("/etc")
        return found

    monkeypatch.setattr(tree_module, "_child", replace)
    reason = os.strerror(errno.ENOTDIR).lower()
    assert refusal(project) == (
        f"{project}: cannot be bundled as it is; mend these, or name them in .vcatignore:\n"
        f"  data: {reason}"
    )


def test_unreadable_files_and_directories_are_listed_in_one_error(project):
    """As a user without rights, all that cannot be read is named at once."""
    (project / "secret").mkdir()
    (project / "secret.txt").write_text("")
    (project / "key.txt").write_text("")
    (project / "secret").chmod(0)
    (project / "secret.txt").chmod(0)
    (project / "key.txt").chmod(0o200)
    code = (
        "import os, sys\n"
        "from vcat._shipping.choosing.tree import scan\n"  # imported before the rights go
        "import vcat._shipping.choosing.ignore, errno\n"
        "if os.geteuid() == 0:\n"
        "    os.chdir(sys.argv[1])\n"
        "    os.chroot('.')\n"  # the directories above are root's alone
        "    os.setgroups([])\n"
        "    os.setgid(65534)\n"
        "    os.setuid(65534)\n"
        "    where = '/'\n"
        "else:\n"
        "    where = sys.argv[1]\n"
        "try:\n"
        "    scan(where)\n"
        "except OSError as error:\n"
        "    print(str(error).replace(where, 'PROJECT', 1))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(project)], check=False, capture_output=True, text=True
    )
    (project / "secret").chmod(0o700)
    assert (done.stdout, done.stderr) == (
        "PROJECT: cannot be bundled as it is; mend these, or name them in .vcatignore:\n"
        "  key.txt: permission denied\n"
        "  secret: permission denied\n"
        "  secret.txt: permission denied\n",
        "",
    )


def test_excluded_paths_stay_behind(project):
    """What the caller excludes does not travel, by whichever way one gets there."""
    (project / "cache").mkdir()
    (project / "cache" / "x").write_text("")
    os.symlink("cache", project / "other")
    (project / "archive.tgz").write_text("")
    excluded = [str(project / "cache"), str(project / "archive.tgz"), "/somewhere/else"]
    assert paths(scan(str(project), exclude=excluded)) == [b"script.py"]


def test_too_many_bytes(project):
    """A project beyond the limit is refused with the ten largest files."""
    for number in range(12):
        (project / f"{number}.bin").write_bytes(bytes(100 * number))
    assert refusal(project, byte_limit=5000) == (
        f"{project}: 6,615 bytes would be bundled, the limit is 5,000; name what the job does not"
        " need in .vcatignore. The largest files:\n"
        + "\n".join(f"  {100 * number:>14,}  {number}.bin" for number in range(11, 1, -1))
    )


def test_directories_are_not_among_the_largest_files(project):
    """They have no size, but may be all that is there besides one large file."""
    (project / "a" / "b").mkdir(parents=True)
    (project / "a" / "b" / "large.bin").write_bytes(bytes(6000))
    said = refusal(project, byte_limit=5000).partition("The largest files:\n")[2].splitlines()
    assert [each.split()[1] for each in said] == ["a/b/large.bin", "script.py"]


def test_too_many_files(project):
    """A project with too many files is refused as soon as that is known."""
    for number in range(30):
        (project / f"d{number // 20}").mkdir(exist_ok=True)
        (project / f"d{number // 20}" / str(number)).write_text("")
    assert refusal(project, file_limit=25) == (
        f"{project}: more than 25 files and directories would be bundled; name what the job does"
        " not need in .vcatignore. Of those seen so far, most are in:\n"
        "        20  d0\n"
        "         4  d1\n"
        "         2  ."
    )


def test_no_such_directory(project):
    """A project that is not there is named."""
    assert refusal(project / "nothing") == (
        f"{project}/nothing: cannot be bundled: no such file or directory;"
        " run the script in a directory that can be read"
    )
