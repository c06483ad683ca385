"""`vcat check`: each thing that a job would fail of is found before, in real processes."""

from __future__ import annotations

import json
import os

import pytest

HEAD = "from vcat import *\n"
RUN = """
if __name__ == "__main__":
    end.run()
"""


def script(text, run=RUN):
    """A script that begins with the star import and runs its stage `end`."""
    return HEAD + text + run


def test_a_script_that_will_do_well(check):
    """Nothing is found where modules, data and values are there; nothing runs, nothing is left."""
    code, said = check(
        {
            "data/x.csv": "1",
            "clean.py": "import json\ntry:\n    import nowhere\nexcept ImportError:\n    pass\n",
            "train.py": script(
                "import sys, clean\n\n@stage\ndef fit(path):\n    import json, clean\n"
                '    raise SystemError("no stage runs")\n\nend = fit("data/x.csv")\n'
            ),
        }
    )

    assert (code, said) == (0, [])


@pytest.mark.slow
def test_modules_that_are_not_in_the_bundle(check, project, tmp_path):
    """Ignored, elsewhere, not there at all; at the top of modules and in bodies; all at once."""
    project.write("../elsewhere/outside.py", "")
    code, said = check(
        {
            ".gitignore": "keys.py\n/gen/\n",
            "keys.py": "KEY = 1\n",
            "gen/__init__.py": "",
            "gen/code.py": "",
            "pack/__init__.py": "",
            "pack/clean.py": """\
                from typing import TYPE_CHECKING
                from . import parts
                if TYPE_CHECKING:
                    import unneeded_types

                def clean():
                    import not_there_at_all
                """,
            "pack/parts.py": "def f():\n    from gen import code\n",
            "unused.py": "import also_not_there\n",
            "train.py": script(
                "import sys\n"
                'sys.path.insert(0, "../elsewhere")\n'
                "import outside, keys\n"
                "from pack import clean\n\n"
                "@stage\n"
                "def fit():\n"
                "    import json\n"
                "    clean.clean()\n"
                "    outside.f()\n"
                "    return keys.KEY\n\n"
                "def unused():\n"
                "    import nothing_of_this_name\n\n"
                "end = fit()\n"
            ),
        }
    )

    assert code == 1

    def left_out(line, rule, top):
        return (
            f"is not in the bundle: .gitignore:{line}: {rule} leaves {top.strip('/')} out; a line"
            f" '!/{top}' in .vcatignore brings it back"
        )

    outside = f"{tmp_path}/home/elsewhere/outside.py"
    assert sorted(said) == [
        "pack/clean.py:7: module 'not_there_at_all' is neither here nor where the job runs; install"
        " it",
        f"pack/parts.py:2: module 'gen' {left_out(2, '/gen/', 'gen/')}",
        "train.py:11: module 'outside', which fit() (train.py:7) uses, lies outside of the project,"
        f" in {outside}; move it into the project, or install it where the job runs",
        "train.py:12: module 'keys', which fit() (train.py:7) uses,"
        f" {left_out(1, 'keys.py', 'keys.py')}",
    ]


@pytest.mark.slow
def test_packages_without_a_file_in_one_another(check):
    """What lies two levels inside them is found like any other, at the top and in bodies."""
    code, said = check(
        {
            ".gitignore": "ns/inner/gone.py\n",
            "ns/inner/m.py": "from ns.inner.deep import n\n",
            "ns/inner/deep/n.py": "",
            "ns/inner/gone.py": "",
            "project/features/build.py": "def f():\n    from ..inner.far import more\n",
            "project/inner/far/more.py": "",
            "train.py": script(
                "from project.features.build import f\n\n"
                "@stage\ndef fit():\n    import ns.inner.m, ns.inner.gone\n    f()\n\nend = fit()\n"
            ),
        }
    )

    assert (code, said) == (
        1,
        [
            "train.py:6: module 'ns.inner.gone' is not in the bundle: .gitignore:1:"
            " ns/inner/gone.py leaves ns/inner/gone.py out; a line '!/ns/inner/gone.py' in"
            " .vcatignore brings it back"
        ],
    )


WRAPPED = """\
import functools

def deco(f):
    @functools.wraps(f)
    def wrapper(*args):
        import opt, not_there
        open("data.csv")
        return f(*args)
    return wrapper

def bare(f):
    def around(*args):
        open("more.csv")
        return f(*args)
    return around

@deco
def help():
    import key

@bare
@deco
def other():
    import lock

@stage
@bare
@deco
def fit():
    import inner
    return help(), functools.partial(other)()

end = fit()
"""


@pytest.mark.slow
def test_what_wraps_a_function_and_what_it_wraps(check):
    """Both are looked at, for modules and for files, of stages and of what they call."""
    ignored = ("opt.py", "key.py", "lock.py", "inner.py", "data.csv", "more.csv")
    code, said = check(
        {
            ".gitignore": "\n".join(ignored) + "\n",
            **dict.fromkeys(ignored, ""),
            "train.py": script(WRAPPED),
        }
    )

    def left_out(name):
        number = ignored.index(name) + 1
        return (
            f"not in the bundle: .gitignore:{number}: {name} leaves {name} out; a line '!/{name}'"
            " in .vcatignore brings it back"
        )

    assert code == 1
    assert said == [
        f"train.py:7: module 'opt' is {left_out('opt.py')}",
        "train.py:7: module 'not_there' is neither here nor where the job runs; install it",
        f"train.py:20: module 'key' is {left_out('key.py')}",
        f"train.py:25: module 'lock' is {left_out('lock.py')}",
        f"train.py:31: module 'inner' is {left_out('inner.py')}",
        "train.py:5: warning: stage 'around' names 'data.csv', which is there and"
        f" {left_out('data.csv')}",
        "train.py:13: warning: stage 'around' names 'more.csv', which is there and"
        f" {left_out('more.csv')}",
    ]


DOUBTFUL = """\
import sys

if sys.version_info < (3, 8):
    import tomli as tomllib
if False:
    import never
if sys.argv[0] == "x":
    import perhaps
    import twice

def used():
    return 1

def unused():
    import nowhere, beyond

def works():
    import twice
"""


@pytest.mark.slow
def test_modules_that_a_job_may_never_import(check):
    """On a condition, and where no stage comes: warnings; what another Python imports: nothing."""
    files = {
        "helper.py": DOUBTFUL,
        "beyond.py": "import farther\nraise ValueError('at once')\n",
        "pack/__init__.py": "",
        "train.py": script(
            "import helper\n\n@stage\ndef fit(gpu=False):\n    helper.used()\n    if gpu:\n"
            "        import far, pack.nope\n\nend = fit()\n"
        ),
    }
    code, said = check(files)

    never = "which the job may never import, is neither here nor where the job runs; install it"
    assert (code, said) == (
        0,
        [
            "beyond.py:1: warning: module 'farther', " + never,
            "helper.py:8: warning: module 'perhaps', " + never,
            "helper.py:9: warning: module 'twice', " + never + "; also in helper.py:18",
            "helper.py:15: warning: module 'nowhere', " + never,
            "train.py:8: warning: module 'far', " + never,
            "train.py:8: warning: module 'pack.nope', which the job may never import, is not there:"
            " 'pack' has no such module; write it, or mend the name",
        ],
    )
    files["train.py"] = files["train.py"].replace("helper.used()", "helper.works()")
    files["helper.py"] = DOUBTFUL.replace("import farther\n", "")
    code, said = check(files)
    assert code == 1
    assert said[0] == (
        "helper.py:9: module 'twice' is neither here nor where the job runs; install it;"
        " also in helper.py:18"
    )


@pytest.mark.slow
def test_a_package_on_a_condition_and_a_module_in_it_on_none(check):
    """Who imports what is in a package imports it: the doubt about it says nothing."""
    code, said = check(
        {
            ".gitignore": "gen/\nmade/\n",
            "gen/__init__.py": "",
            "gen/code.py": "",
            "made/__init__.py": "",
            "made/code.py": "",
            "helper.py": "import sys\nif sys.argv:\n    import made.code\n",
            "train.py": script(
                "import sys\n\n@stage\ndef fit():\n    if sys.argv:\n        import gen\n"
                "    import helper, gen.code\n\nend = fit()\n"
            ),
        }
    )

    def left_out(line, top):
        return (
            f"is not in the bundle: .gitignore:{line}: {top}/ leaves {top} out; a line '!/{top}/'"
            " in .vcatignore brings it back"
        )

    assert (code, said) == (
        1,
        [
            f"helper.py:3: module 'made.code' {left_out(2, 'made')}",
            f"train.py:7: module 'gen' {left_out(1, 'gen')}",
        ],
    )


@pytest.mark.slow
def test_conditions_that_are_met_when_a_module_is_imported(check):
    """What fails of them is sure, and modules named by a text are; what may fail is a warning."""
    code, said = check(
        {
            ".gitignore": "secret.py\nopt.py\n",
            "secret.py": "",
            "opt.py": "",
            "pack/__init__.py": "",
            "helper.py": "import sys\nif sys.argv:\n    import not_there\n"
            "def unused():\n    import bad\n",
            "bad.py": "raise ValueError('at once')\n",
            "train.py": script(
                "import importlib\n\n@stage\ndef fit():\n    import helper, pack.nope\n"
                '    return importlib.import_module("secret"), __import__("opt")\n\nend = fit()\n'
            ),
        }
    )

    assert code == 1
    assert said == [
        "helper.py:3: module 'not_there' is neither here nor where the job runs; install it",
        "train.py:6: module 'pack.nope' is not there: 'pack' has no such module; write it, or mend"
        " the name",
        "train.py:7: module 'secret' is not in the bundle: .gitignore:1: secret.py leaves secret.py"
        " out; a line '!/secret.py' in .vcatignore brings it back",
        "train.py:7: module 'opt' is not in the bundle: .gitignore:2: opt.py leaves opt.py out; a"
        " line '!/opt.py' in .vcatignore brings it back",
        "bad.py:1: warning: module 'bad', which the job may never import, cannot be imported where"
        " the job runs: ValueError: at once",
    ]


@pytest.mark.slow
def test_functions_where_a_file_says_little_of_them(check):
    """Below the test for being the script, lambdas, and a wrapper whose module is read as well."""
    code, said = check(
        {
            ".gitignore": "gone.py\nlost.py\nout.py\n",
            **dict.fromkeys(("gone.py", "lost.py", "pack/out.py", "pack/__init__.py"), ""),
            "pack/deco.py": "from . import out\n\ndef deco(f):\n    def wrapper(*args):\n"
            "        return f(*args)\n    return wrapper\n",
            "train.py": script(
                "import pack.deco\n\nif __name__ == '__main__':\n    @stage\n    @pack.deco.deco\n"
                "    def fit(f):\n        import gone\n\n"
                "    end = fit(lambda: __import__('lost'))\n"
            ),
        }
    )

    def left_out(number, name):
        return (
            f"is not in the bundle: .gitignore:{number}: {name.rpartition('/')[2]} leaves {name}"
            f" out; a line '!/{name}' in .vcatignore brings it back"
        )

    assert (code, said) == (
        1,
        [
            f"pack/deco.py:1: module 'pack.out' {left_out(3, 'pack/out.py')}",
            f"train.py:8: module 'gone' {left_out(1, 'gone.py')}",
            f"train.py:10: module 'lost' {left_out(2, 'lost.py')}",
        ],
    )


@pytest.mark.slow
def test_values_that_cannot_be_sent(check):
    """Every function, argument and hyperparameter, not only the first."""
    code, said = check(
        {
            "train.py": script(
                "import threading\n\nLOCK = threading.Lock()\n\n"
                "@stage\ndef one(a, b, c=None):\n    return a\n\n"
                "@stage\ndef two(x):\n    return LOCK\n\n"
                "end = two(one({'k': [LOCK]}, 1, c=LOCK))\n"
                "end = one(end, Hyperparameter('H', default=LOCK))\n"
            ),
        }
    )

    lock = "cannot pickle '_thread.lock' object; create it inside the function"
    assert code == 1
    assert said == [
        "train.py:10: stage 'two' (train.py:10) cannot be sent to a job: two -> global 'LOCK':"
        f" {lock}",
        f"train.py:14: stage 'one' (train.py:6): argument 'a' cannot be sent to a job: a['k'][0]:"
        f" {lock}",
        f"train.py:14: stage 'one' (train.py:6): argument 'c' cannot be sent to a job: {lock}",
        f"run(): hyperparameter 'H' cannot be sent to a job: {lock}",
    ]


@pytest.mark.slow
def test_main_is_another_in_a_job(check):
    """Imports of `__main__`, and of the script by modules of the project."""
    files = {
        "clean.py": """\
            from __main__ import LIMIT

            def f():
                from train import Model
            """,
        "train.py": script(
            "LIMIT = 1\nimport clean\n\nclass Model:\n    pass\n\n"
            "@stage\ndef fit():\n    return clean.f()\n\nend = fit()\n"
        ),
    }
    code, said = check(files)
    main = (
        "clean.py:1: imports __main__, which in a job has only what stages reach of the script;"
        " move what is imported to a module of the project"
    )
    assert code == 1
    assert [said[0], said[2]] == [
        main,
        "clean.py:4: warning: imports the script: a job then has its functions and classes twice,"
        " and isinstance does not hold between them; move what is imported to a module of its own",
    ]
    assert said[1] == (
        "clean.py:1: what stage 'fit' needs cannot be imported where the job runs: ImportError:"
        " cannot import name 'LIMIT' from '__main__' (train.py)"
    )

    files["clean.py"] = "import os\n\ndef f():\n    from train import Model\n"
    files["train.py"] = files["train.py"].replace(
        'if __name__ == "__main__":\n    end.run()', "end.run()"
    )
    code, said = check(files)
    assert (code, said) == (
        1,
        [
            "clean.py:4: imports the script, which then submits a job from inside the job; put line"
            " 14 of train.py under if __name__ == '__main__':",
        ],
    )


@pytest.mark.slow
def test_what_happens_on_import_there(check):
    """A module that runs a pipeline, and one that raises where its data is not."""
    code, said = check(
        {
            ".vcatignore": "table.txt\n",
            "table.txt": "1",
            "table.py": 'TABLE = open("table.txt").read()\n',
            "jobs.py": "from vcat import *\n\ndef f():\n    return 1\n\n"
            "if __name__ != '__mp_main__':\n    stage(f)().run()\n",
            "train.py": script(
                "import table\n\n@stage\ndef fit():\n    import jobs\n    return table.TABLE\n\n"
                "end = fit()\n"
            ),
        }
    )

    assert code == 1
    assert said == [
        "jobs.py:7: module 'jobs' runs a pipeline when it is imported, which the job does; put that"
        " under if __name__ == '__main__':",
        "table.py:1: what stage 'fit' needs cannot be imported where the job runs:"
        " FileNotFoundError: [Errno 2] No such file or directory: 'table.txt'",
    ]


@pytest.mark.slow
def test_processes_of_a_script_without_a_guard(check):
    """Processes that import the script would submit: a warning, and the exit code is 0."""
    code, said = check(
        {
            "train.py": script(
                "@stage\ndef fit():\n    import multiprocessing\n    return 1\n\nend = fit()\n",
                "end.run()\n",
            )
        }
    )

    assert (code, said) == (
        0,
        [
            "train.py:4: warning: starts processes, which may run the script anew and submit jobs;"
            " put line 8 of train.py under if __name__ == '__main__':"
        ],
    )


@pytest.mark.slow
def test_files_and_secrets_in_arguments(check, project):
    """What is here and will not be there; what only this machine has; what should not travel."""
    project.write("../other/y.csv", "1")
    inside = project.directory / "data" / "x.csv"
    outside = project.parent / "other" / "y.csv"
    code, said = check(
        {
            ".gitignore": "big.csv\n",
            "big.csv": "1",
            "data/x.csv": "1",
            "train.py": script(
                "from pathlib import Path\n\n"
                "@stage\ndef fit(a, *rest, api_key=None, **more):\n    open('./big.csv')\n\n"
                f"end = fit('big.csv', [Path('../other/y.csv')], 'data/x.csv', {str(inside)!r},\n"
                f"          api_key='s3cr3t', b={str(outside)!r}, c='no.such', d='plain words.')\n"
            ),
        }
    )

    ignored = (
        "which is there and not in the bundle: .gitignore:1: big.csv leaves big.csv out; a line"
        " '!/big.csv' in .vcatignore brings it back"
    )
    assert code == 1
    assert said == [
        f"train.py:8: stage 'fit' (train.py:4): argument 'a' is 'big.csv', {ignored}",
        "train.py:8: stage 'fit' (train.py:4): argument 'rest[0]' is '../other/y.csv', which is"
        " outside of the"
        " project; copy it into the project",
        f"train.py:4: warning: stage 'fit' names './big.csv', {ignored}",
        f"train.py:8: warning: stage 'fit' (train.py:4): argument 'rest[2]' is '{inside}',"
        " which is in the"
        " project: a job has a copy of it and would use the original; write 'data/x.csv'",
        "train.py:8: warning: stage 'fit' (train.py:4): argument 'api_key' looks like a secret:"
        " it would be in"
        " the bundle and in the archive of the job; read it from the environment inside the"
        " function",
        f"train.py:8: warning: stage 'fit' (train.py:4): argument 'b' is '{outside}', which is"
        " outside of the"
        " project: only jobs on this machine have it; copy it into the project for others",
    ]


@pytest.mark.slow
def test_a_file_beside_the_script(project):
    """A script below the project directory finds its neighbours by another name in a job."""
    project.write("scripts/x.csv", "1")
    project.write(
        "scripts/train.py",
        script("@stage\ndef fit(path):\n    return path\n\nend = fit('x.csv')\n"),
    )
    done = project.run("-m", "vcat_cli", "check", "scripts/train.py", check=False)

    assert (done.returncode, done.stdout) == (
        1,
        "scripts/train.py:6: stage 'fit' (train.py:2): argument 'path' is 'x.csv', which lies"
        " beside the script"
        " and not in the project directory, where a job runs; write 'scripts/x.csv'\n",
    )


@pytest.mark.slow
def test_a_project_that_cannot_be_bundled(check, project):
    """Links that lead out of it or nowhere, with what else is wrong."""
    (project.directory / "link").symlink_to("/etc/hostname")
    (project.directory / "gone").symlink_to("nothing")
    code, said = check(
        {
            "train.py": script(
                "@stage\ndef fit(C):\n    return C\n\nend = fit(Hyperparameter('C'))\n"
            )
        }
    )

    assert code == 1
    assert said == [
        "train.py:6: run(): hyperparameter 'C' of <stage 'fit' (train.py:2)> has no value and"
        " no default; give"
        " it with run(C=...)",
        "gone -> nothing: leads nowhere; mend it, or name it in .vcatignore",
        "link -> /etc/hostname: leads out of the project; mend it, or name it in .vcatignore",
    ]


@pytest.mark.slow
def test_the_interpreter_of_the_deployment(check, tmp_path):
    """A distribution that it lacks, a Python that does not start, one that refuses the bundle."""
    import venv

    venv.create(tmp_path / "bare", symlinks=True)
    python = tmp_path / "bare" / "bin" / "python"
    config = "deployment_implementation:\n  deployment_type: vcat.LocalShellJobDeployment\n"
    config += "  constructor_keyword_arguments:\n    python: {}\n"
    files = {
        "jobs.config.yaml": config.format(python),
        "train.py": script(
            "import pytest\n\n@stage\ndef fit():\n    return pytest.approx(1)\n\nend = fit()\n"
        ),
    }
    code, said = check(files)
    assert (code, said) == (
        1,
        [
            "train.py:6: module 'pytest', which fit() (train.py:4) uses, is not installed for"
            f" {python}, which runs the job;"
            f" {python} -m pip install pytest"
        ],
    )
    other = tmp_path / "other-python"
    other.write_text("#!/bin/sh\necho 'no such thing' >&2\nexit 3\n")
    other.chmod(0o755)
    files["jobs.config.yaml"] = config.format(other)
    assert check(files) == (1, ["the job would not start: no such thing"])
    refusal = "made by Python 3.11, this is 3.9 (/x); set VCAT_PYTHON to a Python 3.11"  # main.py's
    other.write_text(f"#!/bin/sh\necho 'the job was {refusal}' >&2\nexit 78\n")
    assert check(files) == (
        1,
        [
            "the job would not start: the job was made by Python 3.11, this is 3.9 (/x); let the"
            " deployment name a Python 3.11"
        ],
    )
    files["jobs.config.yaml"] = config.format(tmp_path / "nothing")
    assert check(files) == (
        1,
        [
            f"LocalShellJobDeployment: python: '{tmp_path}/nothing' cannot be executed; name an"
            " interpreter, or leave it out for the one that submits"
        ],
    )


@pytest.mark.slow
def test_backends_whose_module_stays_behind(check):
    """The rule is named that leaves it out, once for all that it holds; else what building says."""
    code, said = check(
        {
            ".gitignore": "stores.py\nmycache.py\n",
            "mycache.py": "import os, vcat\n\nclass Own(vcat.LocalFileSystemCacheBackend):\n"
            "    pass\n",
            "stores.py": "import vcat\n\nclass Own(vcat.LocalFileSystemPipelineArchive):\n"
            "    pass\n",
            "other.py": "import os, vcat\n\nclass Own(vcat.LocalFileSystemPipelineListing):\n"
            "    def __init__(self, path):\n        if 'vcat-check-' in os.getcwd():\n"
            "            raise ValueError('not here')\n        super().__init__(path)\n",
            "a.config.yaml": "cache_implementation:\n  cache_type: mycache:Own\n"
            "  constructor_arguments: [cache]\n"
            "archive_implementation:\n  archive_type: stores:Own\n"
            "  constructor_arguments: [archive]\n"
            "archive_listing_implementation:\n  archive_listing_type: other:Own\n"
            "  constructor_arguments: [listing]\n",
            "train.py": script("@stage\ndef fit():\n    return 1\n\nend = fit()\n"),
        }
    )

    begin = "a backend cannot be built where the job runs: "
    archives = ("persisted_data", "provenance", "job_source", "artifact", "miscellaneous")
    assert code == 1
    assert said[0] == (
        begin + "cache: module 'mycache' is not in the bundle: .gitignore:2: mycache.py leaves"
        " mycache.py out; a line '!/mycache.py' in .vcatignore brings it back"
    )
    assert said[1] == begin + "listing: Own cannot be built: ValueError: not here"
    slots, _, text = said[2].removeprefix(begin).partition(": ")
    assert {*slots.split(", ")} >= {f"{each}_archive" for each in archives}
    assert text == (
        "module 'stores' is not in the bundle: .gitignore:1: stores.py leaves stores.py out; a line"
        " '!/stores.py' in .vcatignore brings it back"
    )
    assert len(said) == 3


@pytest.mark.slow
def test_json_and_what_is_not_checked(project):
    """The same as JSON; a script that waits for its job is checked as far as that."""
    project.write(".gitignore", "big.csv\n")
    project.write("big.csv", "1")
    project.write(
        "train.py",
        script(
            "@stage\ndef fit(path, token=''):\n    return path\n\nprint('printed')\n"
            "print(fit('big.csv', token='t0k3n').run().fetch_job_results())\n",
            "fit(1).run()\n",
        ),
    )
    done = project.run("-m", "vcat_cli", "check", "--json", "train.py", check=False)

    assert done.returncode == 1
    found = json.loads(done.stdout)
    texts = [each.pop("text") for each in found["problems"] + found["warnings"]]
    assert [each.split("'")[3] for each in texts] == ["path", "token"]
    assert found == {
        "format": 1,
        "record": "check",
        "pipelines": 1,
        "problems": [{"file": "train.py", "line": 7, "others": []}],
        "warnings": [{"file": "train.py", "line": 7, "others": []}],
        "complete": False,
        "ended_at": 7,
    }
    assert done.stderr == (
        "printed\nvcat: the script asks for what only a job has in train.py:7; what it does then is"
        " not checked\n"
    )
    project.write("train.py", "print(1)\n")
    done = project.run("-m", "vcat_cli", "check", "train.py")
    assert (done.stdout, done.stderr) == ("", "1\nvcat: the script runs no pipeline\n")
    done = project.run("-m", "vcat_cli", "check", "none.py", check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "vcat: check: 'none.py' cannot be read: No such file or directory\n",
    )
    done = project.run("-m", "vcat_cli", "check", check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "vcat: check: SCRIPT is missing; see `vcat check --help`\n",
    )


@pytest.mark.slow
def test_many_files_of_one_argument(check):
    """A map over files that all stay behind is told of in a few lines."""
    names = [f"data/{number}.csv" for number in range(11)]
    code, said = check(
        {
            ".gitignore": "data/\n",
            **dict.fromkeys(names, "1"),
            "train.py": script(
                "@stage\ndef load(path):\n    return path\n\n"
                'end = load.map([f"data/{number}.csv" for number in range(11)])\n'
            ),
        }
    )

    assert code == 1
    assert len(said) == 11
    assert (
        "train.py:6: stage 'load' (train.py:2): argument 'path' is 'data/3.csv', which is there"
        " and not in the"
        " bundle: .gitignore:1: data/ leaves data out; a line '!/data/' in .vcatignore brings it"
        " back"
    ) in said
    assert said[-1] == (
        "train.py:6: warning: stage 'load' (train.py:2): argument 'path' has 1 more such path"
    )


@pytest.mark.slow
def test_what_run_would_refuse(check, project):
    """The configuration, and a project that is too large, beside what else is wrong."""
    (project.directory / "huge.bin").touch()
    os.truncate(project.directory / "huge.bin", 5 << 30)  # which takes no room
    code, said = check(
        {
            "a.config.yaml": "log_levle: INFO\n",
            "train.py": script(
                "@stage\ndef fit(C):\n    return C\n\nend = fit(Hyperparameter('C'))\n"
            ),
        },
        "-p",
        "D=1",
    )

    assert code == 1
    assert said[0] == "a.config.yaml:1: log_levle: unknown key; did you mean 'log_level'?"
    assert said[1] == (
        "train.py:6: run(): hyperparameter 'C' of <stage 'fit' (train.py:2)> has no value and no"
        " default; give it with run(C=...)"
    )
    assert said[2] == "train.py:9: run(): no hyperparameter 'D'; the pipeline has 'C'"
    assert said[3].startswith(f"{project.directory}: 5,368,")
    assert " bytes would be bundled, the limit is 4,294,967,296; name what the job" in said[3]
    assert "The largest files: 5,368,709,120 huge.bin " in said[3]
    assert len(said) == 4


@pytest.mark.slow
def test_maps_over_hyperparameters_that_cannot_be(check):
    """Found where the map is, in the words of `run()`."""
    files = {
        "train.py": script(
            "@stage\ndef it(x, y=0):\n    return x\n\n"
            'end = it.map(Hyperparameter("xs", default=[1, 2]), [1, 2, 3])\n'
        )
    }
    assert check(files) == (
        1,
        [
            "train.py:6: stage 'it' (train.py:2): map() of sequences of 2 and 3 items; they are"
            " taken item by item, so give each as many, and by name what is the same for all"
        ],
    )
    assert check(files, "-p", "xs=5") == (
        1,
        [
            "train.py:6: stage 'it' (train.py:2): map() over <hyperparameter 'xs'>: its value is of"
            " type int, which has no items in an order; give a list"
        ],
    )
    assert check(files, "-p", "xs=[1, 2, 3]") == (0, [])


@pytest.mark.slow
def test_what_is_the_same_in_several_places(check, project):
    """It is one line with all places: of modules, of several pipelines; the order is that of lines.

    As JSON the other places are there as well, and the mistake in a configuration has its own.
    """
    files = {
        ".gitignore": "helper.py\n",
        "helper.py": "def g():\n    return 1\n",
        "other.py": "import helper\n",
        "broken.py": "x = 1\ndef f(:\n",
        "train.py": script(
            "import helper\n\n"
            "@stage\ndef one():\n    import nowhere, broken\n    return helper.g()\n\n"
            "@stage\ndef two(x):\n    import other\n    from nowhere.deep import part\n"
            "    return helper.g()\n\n"
            "@stage\ndef three():\n    import nowhere\n",
            "three().run()\ntwo(one()).run()\n",
        ),
    }
    code, said = check(files)
    assert (code, said) == (
        1,
        [
            "broken.py:2: module 'broken' cannot be imported where the job runs: SyntaxError:"
            " invalid syntax (broken.py, line 2)",
            "other.py:1: module 'helper' is not in the bundle: .gitignore:1: helper.py leaves"
            " helper.py out; a line '!/helper.py' in .vcatignore brings it back; also in"
            " train.py:7, train.py:13",
            "train.py:6: module 'nowhere' is neither here nor where the job runs; install it; also"
            " in train.py:12, train.py:17",
        ],
    )
    project.write("a.config.yaml", "log_levle: INFO\n")
    project.write("train.py", script("@stage\ndef one():\n    return 1\n\none().run()\n", ""))
    done = project.run("-m", "vcat_cli", "check", "--json", "train.py", check=False)
    assert json.loads(done.stdout)["problems"] == [
        {
            "file": "a.config.yaml",
            "line": 1,
            "text": "log_levle: unknown key; did you mean 'log_level'?",
            "others": [],
        }
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "code"), [("sys.exit(0)", 0), ("sys.exit(3)", 3), ("raise SystemExit('no')", 1)]
)
def test_a_script_that_ends_itself(project, end, code):
    """What was found until then is shown, and decides; that it is not all is said."""
    text = "import sys\n\n@stage\ndef one():\n    BODY\n\none().run()\n" + end
    said = f"vcat: the script ended with exit code {code}; what it would do then is not checked\n"
    said = said if code else ""
    words = "no\n" if "no" in end else ""
    for body, found, ended in (
        ("pass", "", code),
        (
            "import nowhere",
            "train.py:6: module 'nowhere' is neither here nor where the job runs; install it\n",
            1,
        ),
    ):
        project.write("train.py", script(text.replace("BODY", body), ""))
        done = project.run("-m", "vcat_cli", "check", "train.py", check=False)
        nothing = "" if found or code else "vcat: nothing found\n"
        assert (done.returncode, done.stdout) == (ended, found)
        assert done.stderr == words + said + nothing
        done = project.run("-m", "vcat_cli", "check", "--json", "train.py", check=False)
        assert (done.returncode, json.loads(done.stdout)["complete"]) == (ended, not code)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('file')\n"
            "p.parse_args()\n",
            2,
            "the following arguments are required: file\n",
        ),
        ("raise ValueError('too early')\n", 1, "ValueError: too early\n"),
        ("import sys\nsys.exit(300)\n", 44, ""),
    ],
    ids=["arguments", "raises", "exits"],
)
def test_a_script_that_ends_before_its_first_pipeline(project, text, code, said):
    """What the script says is all, with its exit code; as JSON that nothing was checked as well."""
    project.write("train.py", text)
    done = project.run("-m", "vcat_cli", "check", "train.py", check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.endswith(said)
    assert "vcat" not in done.stderr
    done = project.run("-m", "vcat_cli", "check", "--json", "train.py", check=False)
    assert (done.returncode, json.loads(done.stdout)) == (
        code,
        {
            "format": 1,
            "record": "check",
            "pipelines": 0,
            "problems": [],
            "warnings": [],
            "complete": False,
            "ended_at": None,
        },
    )
    assert done.stderr.endswith(said)
    assert "vcat" not in done.stderr


def test_what_run_would_refuse_is_at_the_call_of_it(check):
    """As all else has a place; `vcat run` names the line as well."""
    code, said = check(
        {"train.py": script("@stage\ndef fit(): pass\n", "\nfit().run(job_name='a b')\n")}
    )
    assert code == 1
    assert said == [
        "train.py:5: run(): job_name 'a b': a job's name is letters, digits, '.', '_' and '-',"
        " begins with a letter or a digit and has at most 100 of them"
    ]


def test_a_package_that_is_not_there_is_named_once(check, tmp_path):
    """By its own name, whichever of its modules each pipeline of the script needs."""
    import venv

    venv.create(tmp_path / "bare", symlinks=True)
    python = tmp_path / "bare" / "bin" / "python"
    code, said = check(
        {
            "my.config.yaml": "deployment_implementation:\n"
            "  deployment_type: vcat.LocalShellJobDeployment\n"
            f"  constructor_keyword_arguments: {{python: {python}}}\n",
            "train.py": script(
                "from _pytest.config import Config\nfrom _pytest.mark import Mark\n"
                "@stage\ndef fit(kind): return kind\n",
                "\nfit(Config).run()\nfit(Mark).run()\n",
            ),
        }
    )
    assert (code, said) == (
        1,
        [
            f"train.py:4: module '_pytest' is not installed for {python}, which runs the job;"
            f" {python} -m pip install pytest"
        ],
    )
