"""How fast and how right messages are read, against fastText and a plain scikit-learn pipeline in the same run.

`python -m benchmarks.reading [--data DIR]`: all learn from the project's corpus and read the frozen test set. One
core: CPU time of this process, BLAS threads switched off. The plain pipeline is TF-IDF of jieba's words into a linear
SVM, one for the intent and one for the facility; the full pipeline has what ours looks at, words and characters, and
answers what ours answers about meaning: intent, facility, nature. fastText has words and pairs of them, a vector of
100. Ours does everything a server does with a message: normalise, mask, split, intents, facilities with places and
natures, danger, place hints.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

from domain.catalogue import load_catalogue, load_city
from nlp import tokenize
from nlp.corpus import Sample, catalogue_samples, load_corpus, load_file
from nlp.evaluate import CHAT
from nlp.places import Places, tree_entries
from nlp.reader import NONE, Reader
from tests.nlp.hostile import LONG

ROUNDS = 5
Predict = Callable[[Sequence[str]], list[tuple[str, str]]]  #: texts -> (intent, first facility or none)

COLD = """
import json, sys, time
from pathlib import Path
start = time.perf_counter()
from nlp.reader import Reader
reader = Reader.open(Path(sys.argv[1]))
reader.read("俺们小区没车位")
took = time.perf_counter() - start
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([took, int(peak.split()[1]) / 1024]))
"""


def main() -> None:
    """Prints accuracy, latency, throughput, cold start and memory, with ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, help="data folder with a trained model; a new one otherwise")
    arguments = parser.parse_args()
    catalogue = load_catalogue()
    known = load_corpus(catalogue) + catalogue_samples(catalogue)
    test = load_file(catalogue, CHAT)
    texts = [sample.text for sample in test]
    with tempfile.TemporaryDirectory() as folder:
        data = arguments.data or Path(folder)
        reader = Reader.open(data, places=Places(tree_entries(load_city("dezhou").tree)))
        readers = {
            "ours": _ours(reader),
            "plain pipeline": _pipelines(known, _words, natures=False),
            "full pipeline": _pipelines(known, _words_and_characters, natures=True),
            "fastText": _fasttext(known, Path(folder)),
        }
        cold = [_cold(data) for _ in range(3)]
    print(f"{len(known)} sentences learnt from, {len(test)} read; medians of {ROUNDS} rounds, one core\n")
    print(f"{'':<16}{'intent':>8}{'facility':>10}{'one, us p50':>14}{'batch, us':>12}{'batch, 1/s':>12}")
    singles, batches = {}, {}
    for name, predict in readers.items():
        right_intent, right_leaf = _accuracy(test, predict(texts))
        singles[name], batches[name] = _single(predict, texts), _batch(predict, texts)
        print(
            f"{name:<16}{right_intent:>8.3f}{right_leaf:>10.3f}{singles[name] * 1e6:>14.0f}"
            f"{batches[name] * 1e6:>12.0f}{1 / batches[name]:>12.0f}"
        )
    print()
    for name in ("plain pipeline", "full pipeline", "fastText"):
        print(f"one message: ours / {name} = 1/{singles[name] / singles['ours']:.1f}")
    print(f"batch: ours / plain pipeline = 1/{batches['plain pipeline'] / batches['ours']:.1f}")
    seconds, megabytes = (statistics.median(column) for column in zip(*cold, strict=True))
    print(f"the slowest of {len(LONG)} hostile texts at the cap {_slowest(reader):.0f} ms")
    print(f"cold start with a stored model {seconds:.2f} s, peak memory {megabytes:.0f} MiB")


def _ours(reader: Reader) -> Predict:
    def predict(texts: Sequence[str]) -> list[tuple[str, str]]:
        return [(one.intent, one.mentions[0].leaf if one.mentions else NONE) for one in reader.read_many(texts)]

    return predict


def _words() -> Any:
    import jieba
    from sklearn.feature_extraction.text import TfidfVectorizer

    jieba.setLogLevel("ERROR")
    return TfidfVectorizer(tokenizer=jieba.lcut, token_pattern=None)


def _words_and_characters() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    return make_union(_words(), TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=6))


def _pipelines(known: Sequence[Sample], features: Callable[[], Any], natures: bool) -> Predict:
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    def learnt(rows: Sequence[tuple[str, str]]) -> Any:
        texts, labels = zip(*rows, strict=True)
        return make_pipeline(features(), LinearSVC()).fit(texts, labels)

    about = [one for one in known if len({span.leaf for span in one.spans}) <= 1]
    intent = learnt([(one.text, one.intent) for one in known])
    leaf = learnt([(one.text, _leaf(one)) for one in about])
    kinds = [(one.text[span.start : span.end], span.nature) for one in known for span in one.spans if span.nature]
    nature = learnt(kinds) if natures else None

    def predict(texts: Sequence[str]) -> list[tuple[str, str]]:
        if nature is not None:
            nature.predict(texts)
        return list(zip(intent.predict(texts), leaf.predict(texts), strict=True))

    return predict


def _fasttext(known: Sequence[Sample], folder: Path) -> Predict:
    import fasttext

    cut = tokenize.serving_cut(tokenize.user_words())

    def words(text: str) -> str:
        return " ".join(cut(text.replace("\n", " ")))

    def learnt(name: str, rows: Sequence[tuple[str, str]]) -> object:
        path = folder / f"{name}.txt"
        path.write_text("\n".join(f"__label__{label} {words(text)}" for label, text in rows), encoding="utf-8")
        return fasttext.train_supervised(
            str(path), dim=100, epoch=25, lr=0.5, wordNgrams=2, minCount=2, thread=1, verbose=0
        )

    intent = learnt("intent", [(one.intent, one.text) for one in known])
    about = [one for one in known if len({span.leaf for span in one.spans}) <= 1]
    leaf = learnt("leaf", [(_leaf(one), one.text) for one in about])

    def predict(texts: Sequence[str]) -> list[tuple[str, str]]:
        spaced = [words(text) for text in texts]
        answers = (model.predict(spaced)[0] for model in (intent, leaf))  # type: ignore[attr-defined]
        return [(one[0][9:], other[0][9:]) for one, other in zip(*answers, strict=True)]

    return predict


def _leaf(sample: Sample) -> str:
    return sample.spans[0].leaf if sample.spans else NONE


def _accuracy(test: Sequence[Sample], read: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """Of all messages the intent; of those about a facility, the first one."""
    intents = [sample.intent == intent for sample, (intent, _) in zip(test, read, strict=True)]
    leaves = [sample.spans[0].leaf == leaf for sample, (_, leaf) in zip(test, read, strict=True) if sample.spans]
    return statistics.mean(intents), statistics.mean(leaves)


def _single(predict: Predict, texts: Sequence[str]) -> float:
    """Seconds of CPU for one message alone: the median of the messages, the median of the rounds."""
    rounds = []
    for _ in range(ROUNDS):
        took = []
        for text in texts[:300]:
            start = time.process_time()
            predict([text])
            took.append(time.process_time() - start)
        rounds.append(statistics.median(took))
    return statistics.median(rounds)


def _batch(predict: Predict, texts: Sequence[str]) -> float:
    """Seconds of CPU a message, all of them at once."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        predict(texts)
        rounds.append((time.process_time() - start) / len(texts))
    return statistics.median(rounds)


def _slowest(reader: Reader) -> float:
    """Milliseconds of CPU for the worst of the texts made to hurt."""
    took = []
    for text in LONG:
        start = time.process_time()
        reader.read(text)
        took.append((time.process_time() - start) * 1000)
    return max(took)


def _cold(data: Path) -> tuple[float, float]:
    """Seconds from the first import to the first reading in a new process, and its peak memory in MiB."""
    done = subprocess.run([sys.executable, "-c", COLD, str(data)], capture_output=True, text=True, check=True)
    seconds, megabytes = json.loads(done.stdout)
    return seconds, megabytes


if __name__ == "__main__":
    main()
