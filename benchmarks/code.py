"""Fingerprinting: what it costs to look at the code of a stage."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

from benchmarks.measurement import Bench, Row

MODULES = 200
STAGES = 1_000

#: Stages in one module of their own.
_TOGETHER = 50

_TIME = """
import importlib, json, sys, time

sys.path.insert(0, "src")
stages = []
for number in range(int(sys.argv[2])):
    module = importlib.import_module(f"stages.part{number:02}")
    stages += [value for name, value in vars(module).items() if name.startswith("stage_")]
assert len(stages) == int(sys.argv[1])
functions = [each.function for each in stages]

from vcat._keys.recipe import KeyMaker

before = time.perf_counter()
maker = KeyMaker(".")
for function in functions:
    maker.prepare(function)
taken = time.perf_counter() - before
parts = maker.code.digest_of(functions[0]).parts
assert len({maker.code.digest_of(each).digest for each in functions}) == len(functions)
print(json.dumps([taken / len(functions), len(parts)]))
"""


def rows(bench: Bench) -> list[Row]:
    """What it costs to look at the code of each of 1,000 stages, once, in a new process."""
    directory = bench.directory("project")
    make_project(directory / "src")
    (directory / "program.py").write_text(_TIME)
    environment = bench.environment(bench.directory("cache"))
    command = [sys.executable, "program.py", str(STAGES), str(STAGES // _TOGETHER)]
    samples = [
        json.loads(
            subprocess.run(
                command, cwd=directory, env=environment, stdout=subprocess.PIPE, check=True
            ).stdout
        )
        for _ in range(bench.repeat_long + 1)
    ]
    taken, reached = zip(*samples[1:], strict=True)  # the first one compiles the modules
    return [
        Row(
            f"fingerprint of a stage's code, {STAGES} stages in a project of {MODULES} modules",
            [each * 1e6 for each in taken],
            unit="us",
            goal=50,
            note=f"looked at for the first time; the first stage reaches {reached[0]} functions,"
            " classes and constants",
        )
    ]


def make_project(directory: Path) -> None:
    """Write 200 modules that use each other, and 1,000 stages that use them."""
    source = random.Random(20_000)
    for package in ("library", "stages"):
        (directory / package).mkdir(parents=True)
        (directory / package / "__init__.py").write_text("")
    for number in range(MODULES):
        text = _module(source, number)
        (directory / "library" / f"m{number:03}.py").write_text(text)
    for number in range(STAGES // _TOGETHER):
        text = _stages(source, number)
        (directory / "stages" / f"part{number:02}.py").write_text(text)


def _module(source: random.Random, number: int) -> str:
    # Modules use earlier ones, as in layers; a few of the functions are used by very many.
    below = sorted(source.sample(range(number), min(number, 3)))
    used = [f"helper_{n:03}_{source.randrange(4)}" for n in below]
    lines = [
        f'"""Module {number}."""',
        "from __future__ import annotations",
        "import math",
        "import re",
        "import yaml",
        *(f"from library.m{n:03} import {name}" for n, name in zip(below, used, strict=True)),
        *(f"import library.m{n:03} as other{n:03}" for n in below),
        f"LIMIT = {source.randrange(1_000)}",
        f"RATE = {source.random():.6f}",
        f"NAMES = {[f'name{source.randrange(99)}' for _ in range(8)]!r}",
        f"TABLE = {{'low': {source.randrange(9)}, 'high': [1.5, {source.random()}]}}",
        f"PATTERN = re.compile(r'^[a-z]{{{source.randint(1, 9)}}}$')",
    ]
    for helper in range(4):
        calls = [source.choice(used)] if used else []
        lines += _function(source, f"helper_{number:03}_{helper}", calls, source.randint(10, 30))
    lines += [
        f"class Thing{number:03}:",
        "    '''A thing.'''",
        "    scale = 2.5",
        "    kinds = ('a', 'b', 'c')",
    ]
    for method in ("__init__", "fit", "score"):
        body = _function(source, method, used[:1], source.randint(10, 15), first="self, ")
        lines += [f"    {each}" for each in body]
    lines += ["    @property", "    def size(self):", "        return len(self.kinds) * self.scale"]
    return "\n".join(lines) + "\n"


def _stages(source: random.Random, number: int) -> str:
    modules = source.sample(range(MODULES), 20)
    lines = [
        f'"""Stages {number}."""',
        "import math",
        "import yaml",
        "from vcat import stage",
        *(f"from library import m{n:03}" for n in modules[:10]),
        *(f"from library.m{n:03} import helper_{n:03}_0, Thing{n:03}" for n in modules[10:]),
        f"LIMIT = {number}",
        "RATE = 0.5",
        "NAMES = ['a', 'b']",
        "TABLE = {'low': 1, 'high': [2]}",
    ]
    for place in range(_TOGETHER):
        first, second = source.sample(modules[:10], 2)
        third, fourth = source.sample(modules[10:], 2)
        calls = [
            f"m{first:03}.helper_{first:03}_{source.randrange(4)}",
            f"m{second:03}.helper_{second:03}_{source.randrange(4)}",
            f"helper_{third:03}_0",
            f"Thing{fourth:03}",
        ]
        lines.append("@stage")
        lines += _function(source, f"stage_{number:02}_{place:02}", calls, source.randint(10, 20))
    return "\n".join(lines) + "\n"


def _function(
    source: random.Random, name: str, calls: list[str], size: int, first: str = ""
) -> list[str]:
    lines = [
        f"def {name}({first}values, weight=1.0, *, strict=True):",
        f'    """Do what {name} does."""',
        f"    found = [each * {source.randint(2, 99)} for each in values if each is not None]",
    ]
    for number, call in enumerate(calls):
        lines.append(f"    part{number} = {call}(found, weight={source.random():.3f})")
    written = [
        "    total = sum(found) + weight * RATE",
        f"    if total > LIMIT and strict or len(found) < {source.randrange(50)}:",
        f"        raise ValueError(f'{name}: {{total:.2f}} of {{len(found)}} in {{weight!r}}')",
        "    for number, each in enumerate(found):",
        f"        if each % {source.randint(2, 9)} == 0:",
        "            total += math.sqrt(abs(each)) * number",
        f"        elif str(each).startswith('{source.randrange(9)}'):",
        "            total -= TABLE['low']",
        "    names = dict.fromkeys(NAMES, total)",
        f"    text = ', '.join(sorted(names))[:{source.randint(3, 90)}]",
        "    try:",
        "        loaded = yaml.safe_load(text)",
        "    except yaml.YAMLError as error:",
        f"        loaded = {{'error': str(error), 'code': {source.randrange(999)}}}",
        "    with open(text or 'none') as file:",
        "        rows = [line.strip().split(',') for line in file if line]",
        "    best = max(rows, key=lambda row: (len(row), row[0]))",
        "    weight = weight ** 2 / (1 + math.exp(-total))",
        f"    scores = dict.fromkeys(best, {source.random():.4f})",
        "    scores.update(total=total, text=text, loaded=loaded)",
        "    while weight > 1.0:",
        "        weight /= 2",
        "    (low, *_, high) = sorted(scores.values(), key=repr)",
        "    strict = not strict and low != high",
    ]
    lines += written[: max(0, size - len(lines) - 1)]
    while lines[-1].rstrip().endswith((":", "try:")) or lines[-1].startswith("        loaded = y"):
        lines.pop()
    lines.append("    return total, weight" if name != "__init__" else "    self.total = total")
    return lines
