"""Which words does a text use more than another? With vcat and the standard library only.

Shows stages in containers, one stage per file, a hyperparameter, a metric and an artifact.
"""

import json
import re
from collections import Counter
from pathlib import Path

from vcat import *


@stage
def count(path):
    """How often each word occurs in a file, whose content counts for the cache, not its date."""
    words = Counter(re.findall(r"[a-z']+", path.read_text(encoding="utf-8").lower()))
    print(f"{path.name}: {words.total()} words, {len(words)} different")
    return words


@stage
def compare(counts, least):
    """For each text the words it uses more than all others together, the most telling first."""
    telling = {}
    for name, words in counts.items():
        others = sum((each for other, each in counts.items() if other != name), Counter())
        often = {word: n for word, n in words.items() if n >= least and n > others[word]}
        telling[name] = sorted(often, key=lambda word: (others[word] - words[word], word))
    log_metric("telling words", sum(len(words) for words in telling.values()))
    return telling


@stage
def report(telling):
    """One line for each text, kept as an artifact."""
    lines = [f"{name}: {', '.join(words)}" for name, words in telling.items()]
    Path("report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    Path("report.json").write_text(json.dumps(telling, indent=2) + "\n", encoding="utf-8")
    log_artifact("report.txt")
    log_artifact("report.json")
    return lines


counts = {path.stem: count(path) for path in sorted(Path("texts").glob("*.txt"))}
pipe = report(compare(counts, least=Hyperparameter("least", default=2)))

if __name__ == "__main__":
    deployment = pipe.run()
    for line in deployment.fetch_job_results():
        print(line)
