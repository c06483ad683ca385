"""Run many scripts under the stand-in, each in a fork of this process; print what each printed.

The stand-in is here to be wrong, not to be measured: its scripts need not pay for a start each.
"""

import json
import os
import runpy
import subprocess
import sys
import traceback


def run(script, directory, arguments, variables):
    """Run one script as ``python script`` would."""
    os.chdir(directory)
    os.environ.update(variables)
    sys.argv = [script, *arguments]
    sys.path[:0] = [os.path.dirname(os.path.abspath(script)), variables["SITE"]]
    runpy.run_path(script, run_name="__main__")


def run_in_fork(order):
    """Return what a script printed, and its exit code."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            run(**order)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    os.close(writer)
    with open(reader) as pipe:
        printed = pipe.read()
    return printed.strip(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    # What many scripts import is imported once; what is missing, no script of a case asks for.
    for name in ("inspect", "pickle", "hashlib", "numpy", "pandas"):
        try:
            __import__(name)
        except ImportError:
            assert name in ("numpy", "pandas"), name
    assert subprocess
    json.dump([run_in_fork(each) for each in json.load(sys.stdin)], sys.stdout)
