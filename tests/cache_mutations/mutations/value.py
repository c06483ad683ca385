"""Edits of arguments, of what is upstream, and of data: the stage must run again after each."""

# ruff: noqa: E501  # one case, one line: they are read as a table
# fmt: off

from __future__ import annotations

from mutations.case import again, again_in
from mutations.edit import by_itself, link, remove, replace, write

#: An object that says nothing of its content, as most do.
_BOX = "class Box:\n  def __init__(self, x): self.x = x\n  def __repr__(self): return 'Box'\n"
_SHOW = "@stage\ndef fit(box): ran(); return repr(box.x)\n"
_FRAME = "@stage\ndef fit(frame): ran(); return "
_LOAD = "@stage\ndef fit(path): ran(); return open(path).read()\nprint(fit('data.txt').run_same_process())\n"
_DATA = {"data.txt": "1"}
_EDIT = replace("data.txt", "1", "2")


def _box(content: str) -> str:
    return f"{_BOX}{_SHOW}print(fit(Box({content})).run_same_process())\n"


def _frame(content: str, expression: str) -> str:
    return f"import pandas, numpy\nf = pandas.DataFrame({content})\n{_FRAME}{expression}\nprint(fit(f).run_same_process())\n"


VALUES = [
    again("an argument", "@stage\ndef fit(x): ran(); return x\nprint(fit(1).run_same_process())\n", plain="repr shows a number"),
    again("a hyperparameter", "@stage\ndef fit(x): ran(); return x\nprint(fit(Hyperparameter('x', default=1)).run_same_process())\n", plain="repr shows a number"),
    again("keywords in another order, for **kwargs", "@stage\ndef fit(**kw): ran(); return [*kw]\nprint(fit(a=1, b=2).run_same_process())\n", "a=1, b=2", "b=2, a=1", "['a', 'b']", "['b', 'a']", plain="repr shows the order"),
    again("an attribute of an argument", _box("1")),
    again("the type of an attribute", _box("1"), "Box(1)", "Box(True)", "1", "True"),
    again("a text that looks like a number", _box("1"), "Box(1)", "Box('1')", "1", "'1'"),
    again("bytes that look like a text", _box("'a'"), "Box('a')", "Box(b'a')", "'a'", "b'a'"),
    again("the depth of an attribute", _box("[1]"), "Box([1])", "Box([[1]])", "[1]", "[[1]]"),
    again("the order in a list", _box("[1, 2]"), "[1, 2]", "[2, 1]", "[1, 2]", "[2, 1]"),
    again("the order in a dict", _box("{'a': 1, 'b': 2}"), "{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", "{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    again("a key's type", _box("{1: 2}"), "{1: 2}", "{True: 2}", "{1: 2}", "{True: 2}"),
    again("the sign of zero", _box("0.0"), "Box(0.0)", "Box(-0.0)", "0.0", "-0.0"),
    again("the last digit of a float", _box("0.1"), "Box(0.1)", "Box(0.1 + 0.2 - 0.2)", "0.1", "0.10000000000000003"),
    again("a tuple or a list", _box("(1,)"), "(1,)", "[1]", "(1,)", "[1]"),
    again("where a text is cut", _box("['ab', 'c']"), "'ab', 'c'", "'a', 'bc'", "['ab', 'c']", "['a', 'bc']"),
    again("a time zone", f"import datetime as d\n{_BOX}@stage\ndef fit(box): ran(); return box.x.utcoffset()\nprint(fit(Box(d.datetime(2026, 1, 1, tzinfo=d.timezone.utc))).run_same_process())\n", "=d.timezone.utc", "=d.timezone(d.timedelta(hours=2))", "0:00:00", "2:00:00"),
    again("a decimal's places", f"from decimal import Decimal\n{_BOX}@stage\ndef fit(box): ran(); return box.x\nprint(fit(Box(Decimal('1.0'))).run_same_process())\n", "'1.0'", "'1.00'", "1.0", "1.00"),
    again("what two attributes share", f"{_BOX}@stage\ndef fit(box): ran(); a, b = box.x; a.append(1); return b\nx = []\nprint(fit(Box([x, x])).run_same_process())\n", "[x, x]", "[x, []]", "[1]", "[]"),
    again("the class of an argument", f"{_BOX}class Other(Box): pass\n@stage\ndef fit(box): ran(); return type(box).__name__\nprint(fit(Box(1)).run_same_process())\n", "Box(1)", "Other(1)", "Box", "Other"),
    again("a method of an argument", "class Box:\n  def __repr__(self): return 'Box'\n  def m(self): return 1\n@stage\ndef fit(box): ran(); return box.m()\nprint(fit(Box()).run_same_process())\n"),
    again("an element in the middle of an array", "import numpy\n@stage\ndef fit(x): ran(); return x.sum()\nx = numpy.zeros(5000)\nx[2500] = 1\nprint(fit(x).run_same_process())\n", "= 1\n", "= 2\n", "1.0", "2.0", needs="numpy"),
    again("an array's dtype", f"import numpy\n{_BOX}@stage\ndef fit(box): ran(); return box.x.dtype\nprint(fit(Box(numpy.zeros(3, 'f4'))).run_same_process())\n", "'f4'", "'f8'", "float32", "float64", needs="numpy"),
    again("an array's byte order", f"import numpy\n{_BOX}@stage\ndef fit(box): ran(); return box.x.view('u1')[0]\nprint(fit(Box(numpy.array([1], '<u2'))).run_same_process())\n", "<u2", ">u2", "1", "0", needs="numpy"),
    again("an array's shape", f"import numpy\n{_BOX}@stage\ndef fit(box): ran(); return box.x.shape\nprint(fit(Box(numpy.zeros((2, 3)))).run_same_process())\n", "(2, 3)", "(3, 2)", "(2, 3)", "(3, 2)", needs="numpy"),
    again("an object in an array", f"import numpy\n{_BOX}@stage\ndef fit(x): ran(); return x[0].x\nprint(fit(numpy.array([Box(1), None])).run_same_process())\n", "Box(1)", "Box(2)", needs="numpy"),
    again("a seeded generator of numpy's", "import numpy\nR = numpy.random.default_rng(1)\n@stage\ndef fit(): ran(); return R.random() < 0.4\n", "(1)", "(2)", "False", "True", needs="numpy"),
    again("a cell in the middle of a frame", _frame("{'a': range(500)}", "frame.a.iloc[250].item()").replace("f = ", "f = g = ").replace("\n@", "\nf.loc[250, 'a'] = 1\n@", 1), "= 1\n", "= 2\n", needs="pandas"),
    again("the name of a column", _frame("numpy.zeros((2, 99)), columns=['c%d' % i for i in range(99)]", "frame.columns[50]"), "'c%d' % i", "'c%d' % (i + (i == 50) * 50)", "c50", "c100", needs="pandas"),
    again("the dtype of a column", _frame("{'a': [1, 2]}, dtype='int64'", "frame.a.dtype"), "int64", "int32", "int64", "int32", needs="pandas"),
    again("a column made categorical", _frame("{'a': ['x', 'y']}, dtype='object'", "frame.a.dtype"), "'object'", "'category'", "object", "category", needs="pandas"),
    again("the type of an index", _frame("{'a': [1, 2]}, index=numpy.arange(2)", "frame.index.dtype"), "arange(2)", "arange(2, dtype='int32')", "int64", "int32", needs="pandas"),
    again("an attribute of a frame", _frame("{'a': [1]}", "frame.attrs['unit']").replace("\n@", "\nf.attrs['unit'] = 1\n@", 1), "= 1\n", "= 2\n", needs="pandas"),
    again("a helper of the stage upstream", "def g(): return 1\n@stage\ndef load(): return g()\n@stage\ndef fit(x): ran(); return x\nprint(fit(load()).run_same_process())\n"),
    again_in("a method of an upstream result", "from lib import Model\n@stage\ndef train(): return Model()\n@stage\ndef fit(model): ran(); return model.predict()\nprint(fit(train()).run_same_process())\n", {"lib.py": "class Model:\n  def predict(self): return 1\n"}, replace("lib.py", "1", "2")),
    again_in("a method of a large upstream result", "from lib import Model\n@stage\ndef train(): return Model(bytes(100_000))\n@stage\ndef fit(model): ran(); return model.predict()\nprint(fit(train()).run_same_process())\n", {"lib.py": "class Model:\n  def __init__(self, data): self.data = data\n  def predict(self): return 1\n"}, replace("lib.py", "return 1", "return 2")),
    again("a method of an upstream result, its class in the script", "class Model:\n  def predict(self): return 1\n@stage\ndef train(): return Model()\n@stage\ndef fit(model): ran(); return model.predict()\nprint(fit(train()).run_same_process())\n"),
    again_in("a helper of a method of an upstream result", "from lib import Model\n@stage\ndef train(): return [Model()]\n@stage\ndef fit(models): ran(); return models[0].predict()\nprint(fit(train()).run_same_process())\n", {"lib.py": "def g(): return 1\nclass Model:\n  def predict(self): return g()\n"}, replace("lib.py", "1", "2")),
    again_in("a class attribute of an upstream result", "from lib import Model\n@stage\ndef train(): return Model()\n@stage\ndef fit(model): ran(); return model.rate\nprint(fit(train()).run_same_process())\n", {"lib.py": "class Model: rate = 1\n"}, replace("lib.py", "1", "2")),
    again_in("a function that is an upstream result", "from lib import g\n@stage\ndef train(): return g\n@stage\ndef fit(f): ran(); return f()\nprint(fit(train()).run_same_process())\n", {"lib.py": "def g(): return 1\n"}, replace("lib.py", "1", "2")),
    again_in("a method of an object deep in an upstream result", "from lib import Model\n@stage\ndef train(): return {'m': (Model(),)}\n@stage\ndef fit(x): ran(); return x['t']['m'][0].predict()\nprint(fit({'t': train()}).run_same_process())\n", {"lib.py": "class Model:\n  def predict(self): return 1\n"}, replace("lib.py", "1", "2")),
    again("the type of an upstream result", "RATE = 1\n@stage\ndef load(): return RATE\n@stage\ndef fit(x): ran(); return x\nprint(fit(load()).run_same_process())\n", "= 1", "= True", "1", "True"),
    again("the order of an upstream dict", "NAMES = 'ab'\n@stage\ndef load(): return dict.fromkeys(NAMES)\n@stage\ndef fit(x): ran(); return [*x]\nprint(fit(load()).run_same_process())\n", "'ab'", "'ba'", "['a', 'b']", "['b', 'a']"),
    again("an upstream stage inside a list", "RATE = 1\n@stage\ndef load(): return RATE\n@stage\ndef fit(x): ran(); return x[0]['a']\nprint(fit([{'a': load()}]).run_same_process())\n"),
    again("which of two upstream results", "@stage\ndef fit(x): ran(); return x\n@stage\ndef load(): return {'a': 1, 'b': 2}\nKEY = 'a'\n@stage(cache=False)\ndef get(x): return x[KEY]\nprint(fit(get(load())).run_same_process())\n", "KEY = 'a'", "KEY = 'b'"),
    again_in("a file that a text names", _LOAD, _DATA, _EDIT),
    again_in("a file that a path names", _LOAD.replace("'data.txt'", "__import__('pathlib').Path('data.txt')"), _DATA, _EDIT),
    again_in("a file of the same size", _LOAD, {"data.txt": "12"}, write("data.txt", "21"), "12", "21"),
    again_in("a file deep in an argument", "@stage\ndef fit(c): ran(); return open(c['paths'][0]).read()\nprint(fit({'paths': ['data.txt']}).run_same_process())\n", _DATA, _EDIT),
    again_in("a file in a default", "@stage\ndef fit(path='data.txt'): ran(); return open(path).read()\n", _DATA, _EDIT),
    again_in("a file whose name is a constant", "PATH = 'data.txt'\n@stage\ndef fit(): ran(); return open(PATH).read()\n", _DATA, _EDIT),
    again_in("a file opened in the body", "@stage\ndef fit(): ran(); return open('da' + 'ta.txt').read()\n", _DATA, _EDIT),
    again_in("a file opened by a helper", "import pathlib\ndef g(): return pathlib.Path('data.txt').read_text()\n@stage\ndef fit(): ran(); return g()\n", _DATA, _EDIT),
    again_in("a file opened by os.open", "import os\n@stage\ndef fit(): ran(); return os.read(os.open('data.txt', os.O_RDONLY), 9).decode()\n", _DATA, _EDIT),
    again_in("a file beside the project", "@stage\ndef fit(): ran(); return open('../data/data.txt').read()\n", {"../data/data.txt": "1"}, replace("../data/data.txt", "1", "2")),
    again_in("a file numpy loads", "import numpy\n@stage\ndef fit(): ran(); return int(numpy.loadtxt('data.txt'))\n", _DATA, _EDIT, needs="numpy"),
    again_in("a file pandas reads", "import pandas\n@stage\ndef fit(): ran(); return pandas.read_csv('data.csv').a.sum()\n", {"data.csv": "a\n1\n"}, replace("data.csv", "1", "2"), needs="pandas"),
    again("a file in a zip archive", "import zipfile\nwith zipfile.ZipFile('data.zip', 'w') as z: z.writestr(zipfile.ZipInfo('a'), '1')\n@stage\ndef fit(): ran(); return zipfile.ZipFile('data.zip').read('a').decode()\n", "'1'", "'2'"),
    again_in("a configuration read by a helper", "import json\ndef config(): return json.load(open('config.json'))\n@stage\ndef fit(): ran(); return config()['rate']\n", {"config.json": '{"rate": 1}'}, replace("config.json", "1", "2")),
    again_in("a YAML file read by a helper", "import yaml\ndef config(): return yaml.safe_load(open('c.yaml'))\n@stage\ndef fit(): ran(); return config()['rate']\n", {"c.yaml": "rate: 1\n"}, replace("c.yaml", "1", "2")),
    again_in("a file that a thread reads", "from concurrent.futures import ThreadPoolExecutor\n@stage\ndef fit(): ran(); return ThreadPoolExecutor(1).submit(lambda: open('data.txt').read()).result()\n", _DATA, _EDIT),
    again_in("a file opened for reading and writing", "@stage\ndef fit():\n  ran()\n  with open('data.txt', 'r+') as f: return f.read()\n", _DATA, _EDIT),
    again_in("a file read, then written", "@stage\ndef fit():\n  ran()\n  with open('data.txt') as f: x = f.read()\n  with open('data.txt', 'w') as f: f.write(x)\n  return x\n", _DATA, _EDIT),
    again_in("a file somebody edits while the stage runs", "import subprocess\n@stage\ndef fit():\n  ran()\n  x = open('da' + 'ta.txt').read()\n  subprocess.run(['sh', '-c', 'grep -q 1 data.txt && printf 2 > data.txt'])\n  return x\n", _DATA, by_itself("data.txt: `1` → `2`, after the body has read it"), warns=True),
    again_in("a Python file read as data", "import ast\n@stage\ndef fit(): ran(); return ast.literal_eval(open('config.py').read())\n", {"config.py": "1\n"}, replace("config.py", "1", "2")),
    again_in("an optional file of configparser's appears", "import configparser\n@stage\ndef fit():\n  ran()\n  c = configparser.ConfigParser()\n  c.read(['a.ini', 'b.ini'])\n  return c['m']['rate']\n", {"a.ini": "[m]\nrate = 1\n"}, write("b.ini", "[m]\nrate = 2\n")),
    again_in("a file that a file names", "@stage\ndef fit(): ran(); return open(open('which.txt').read()).read()\n", {"which.txt": "a.txt", "a.txt": "1", "b.txt": "2"}, replace("which.txt", "a", "b")),
    again_in("a file in a directory argument", "import pathlib\n@stage\ndef fit(d): ran(); return ''.join(p.read_text() for p in sorted(d.rglob('*.txt')))\nprint(fit(pathlib.Path('d')).run_same_process())\n", {"d/e/data.txt": "1"}, replace("d/e/data.txt", "1", "2")),
    again_in("a file added to a directory argument", "import pathlib\n@stage\ndef fit(d): ran(); return len([*d.iterdir()])\nprint(fit(pathlib.Path('d')).run_same_process())\n", {"d/a.txt": "1"}, write("d/b.txt", "1")),
    again_in("a file added to a directory that is listed", "import os\n@stage\ndef fit(): ran(); return len(os.listdir('d'))\n", {"d/a.txt": "1"}, write("d/b.txt", "1")),
    again_in("a file added where glob looks", "import glob\n@stage\ndef fit(): ran(); return len(glob.glob('d/*.csv'))\n", {"d/a.csv": "1"}, write("d/b.csv", "1")),
    again_in("a file removed where glob looks", "import glob\n@stage\ndef fit(): ran(); return len(glob.glob('d/**/*.csv', recursive=True))\n", {"d/a.csv": "1", "d/e/b.csv": "1"}, remove("d/e/b.csv"), "2", "1"),
    again_in("a file added where a text names the directory", "import pathlib\n@stage\ndef fit(d): ran(); return len([*pathlib.Path(d).iterdir()])\nprint(fit('d').run_same_process())\n", {"d/a.txt": "1"}, write("d/b.txt", "1")),
    again_in("a file that was absent appears", "@stage\ndef fit():\n  ran()\n  try: return open('override.txt').read()\n  except FileNotFoundError: return 1\n", {}, write("override.txt", "2")),
    again_in("a directory that was absent appears", "import os\n@stage\ndef fit():\n  ran()\n  try: return len(os.listdir('d'))\n  except FileNotFoundError: return 0\n", {}, write("d/a.txt", "1"), "0", "1"),
    again_in("a file that disappears", "@stage\ndef fit():\n  ran()\n  try: return open('override.txt').read()\n  except FileNotFoundError: return 2\n", {"override.txt": "1"}, remove("override.txt")),
    again_in("an absent file that a text names", "import os\n@stage\ndef fit(p): ran(); return 2 if os.path.exists(p) else 1\nprint(fit('flag').run_same_process())\n", {}, write("flag", "x")),
    again_in("where a link leads", _LOAD, {"v1.txt": "1", "v2.txt": "2", "data.txt": "1"}, link("data.txt", "v2.txt")),
    again_in("a file the stage reads and writes", "@stage\ndef fit():\n  ran()\n  x = open('in.txt').read()\n  with open('out.txt', 'w') as f: f.write(x)\n  return open('out.txt').read()\n", {"in.txt": "1"}, replace("in.txt", "1", "2")),
]
