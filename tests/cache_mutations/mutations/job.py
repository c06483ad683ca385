"""A handful of the cases once more, run by real jobs in places of their own."""

# ruff: noqa: E501  # one case, one line: they are read as a table
# fmt: off

from __future__ import annotations

from mutations.case import again, again_in, kept
from mutations.edit import replace

_RUN = "print(fit({}).run().fetch_job_results())\n"
_DATA = {"data.txt": "1"}
_EDIT = replace("data.txt", "1", "2")

JOBS = [
    again("a helper, in a job", "def g(): return 1\n@stage\ndef fit(): ran(); return g()\n" + _RUN.format(""), job=True),
    again("a constant, in a job", "RATES = []\n@stage\ndef fit(): ran(); return RATES[0]\nRATES.append(1)\n" + _RUN.format(""), job=True),
    again_in("an imported module, in a job", "import lib\n@stage\ndef fit(): ran(); return lib.g()\n" + _RUN.format(""), {"lib.py": "def g(): return 1\n"}, replace("lib.py", "1", "2"), job=True),
    again_in("a file opened in the body, in a job", "@stage\ndef fit(): ran(); return open('da' + 'ta.txt').read()\n" + _RUN.format(""), _DATA, _EDIT, job=True),
    again_in("a file that a text names, in a job", "@stage\ndef fit(path): ran(); return open(path).read()\n" + _RUN.format("'data.txt'"), _DATA, _EDIT, job=True),
    again("a name in the text of a query, in a job", "import pandas\nLIMIT = 1\n@stage\ndef fit():\n  ran()\n  f = pandas.DataFrame({'a': [1, 2, 3]})\n  return len(f.query('a > @LIMIT'))\n" + _RUN.format(""), "LIMIT = 1", "LIMIT = 2", "2", "1", needs="pandas", job=True),
    kept("a comment, in a job", "@stage\ndef fit():\n  ran()\n  return 1\n" + _RUN.format(""), "  return", "  # one\n  return", job=True),
    kept("the same process after a job", "@stage\ndef fit(): ran(); return 1\n" + _RUN.format(""), "print(fit().run().fetch_job_results())", "value = fit().run_same_process()\nprint(value)", wide=True, job=True),
]
