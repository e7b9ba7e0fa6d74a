"""How long it takes to find the five most alike among thousands: `python -m benchmarks.similar [--needs 5000]`."""

from __future__ import annotations

import argparse
import statistics
import time

from domain.catalogue import load_catalogue
from nlp.corpus import load_corpus
from nlp.similar import Index, Told


def main() -> None:
    """Indexes needs of the corpus as if they were one community's and looks up one in fifty."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--needs", type=int, default=5_000)
    most = parser.parse_args().needs
    spans = [(sample.text, span) for sample in load_corpus(load_catalogue()) for span in sample.spans][:most]
    needs = [
        Told(number, "here", span.leaf, text, number % 180, text[span.start : span.end])
        for number, (text, span) in enumerate(spans)
    ]
    start = time.process_time()
    index = Index(needs)
    built = time.process_time() - start
    took = []
    for told in needs[::50]:
        start = time.process_time()
        index.best(told)
        took.append((time.process_time() - start) * 1000)
    took.sort()
    print(
        f"{len(needs)} needs indexed in {built:.1f} s of CPU time; a look-up {statistics.median(took):.1f} ms, ", end=""
    )
    print(f"95 % under {took[int(0.95 * len(took))]:.1f} ms")


if __name__ == "__main__":
    main()
