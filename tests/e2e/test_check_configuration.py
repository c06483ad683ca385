"""`vcat check`: what else is wrong is said beside what is wrong with the configuration."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

TRAIN = """\
from vcat import *

@stage
def fit():
    import not_there, broken
    return (lambda: None)()

end = fit()

if __name__ == "__main__":
    end.run()
"""

FILES = {"broken.py": "raise OSError('no device')\n", "train.py": TRAIN}

FOUND = [
    "broken.py:1: module 'broken' cannot be imported where the job runs: OSError: no device",
    "train.py:5: module 'not_there' is neither here nor where the job runs; install it",
]


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ("log_level: loud\n", "x.config.yaml:1: log_level: 'loud' is no level, expected one of"),
        ("log_levle: INFO\n", "x.config.yaml:1: log_levle: unknown key; did you mean"),
        (
            "execution_implementation:\n  executor_type: vcat.ProcessPoolExecutor\n"
            "  constructor_keyword_arguments: {workers: 0}\n",
            "x.config.yaml:2: executor_type: ProcessPoolExecutor cannot be built: ",
        ),
        (
            "cache_implementation:\n  cache_type: nomod:X\n",
            "x.config.yaml:2: cache_type: cannot import 'nomod': No module named 'nomod'",
        ),
        (
            "job_source_bundle: {bundle_name: a/b}\n",
            "x.config.yaml:1: bundle_name: 'a/b' is not fit for a file name",
        ),
    ],
)
def test_what_is_wrong_beside_the_configuration(check, configuration, said):
    """All of it at once: the rest of the configuration says where a job would run."""
    code, found = check({**FILES, "x.config.yaml": configuration})

    assert code == 1
    assert [each for each in found if each.startswith(said)] == found[2:]
    assert (found[:2], len(found)) == (FOUND, 3)


def test_several_mistakes_of_a_configuration(check):
    """Of keys, of types and of what constructors refuse, each once."""
    code, found = check(
        {
            **FILES,
            "x.config.yaml": "log_level: loud\n"
            "cache_implementation:\n  cache_type: nomod:X\n"
            "execution_implementation:\n  executor_type: vcat.ProcessPoolExecutor\n"
            "  constructor_keyword_arguments: {workers: 0}\n"
            "archive_listing_implementation:\n"
            "  archive_listing_type: vcat.LocalFileSystemPipelineListing\n"
            "  constructor_keyword_arguments: {nowhere: 1}\n",
        }
    )

    assert (code, found[:2]) == (1, FOUND)
    assert [each.split(":")[1] for each in found[2:]] == ["1", "3", "5", "9"]


@pytest.mark.parametrize(
    "configuration",
    [
        "deployment_implementation: {deployment_type: nomod:X}\n",
        "deployment_implementation: {deployment_tpye: vcat.LocalShellJobDeployment}\n",
        "deployment_implementatoin: {deployment_type: vcat.LocalShellJobDeployment}\n",
        "deployment_implementation:\n  deployment_type: vcat.LocalShellJobDeployment\n"
        "  constructor_keyword_arguments: {python: 5}\n",
        "run_script_environment: {LD_PRELOAD: mine.so}\n",
        "log_level: [\n",
    ],
)
def test_a_configuration_that_does_not_say_where_a_job_would_run(check, configuration):
    """Nothing is tried then: another interpreter or other variables might find what is missing.

    What only looking finds is said all the same.
    """
    files = {**FILES, ".gitignore": "big.csv\n", "big.csv": "1", "x.config.yaml": configuration}
    files["train.py"] = TRAIN.replace("fit():", "fit(path):").replace("fit()", "fit('big.csv')")
    code, found = check(files)

    assert (code, len(found)) == (1, 2)
    assert found[0] == (
        "train.py:8: stage 'fit' (train.py:3): argument 'path' is 'big.csv', which is there and not"
        " in the bundle: .gitignore:1: big.csv leaves big.csv out; a line '!/big.csv' in"
        " .vcatignore brings it back"
    )
    assert found[1].startswith("x.config.yaml:")
