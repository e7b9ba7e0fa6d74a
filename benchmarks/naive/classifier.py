"""Text to facility: jieba words, TF-IDF and a linear model, as the scikit-learn tutorial has it."""

from __future__ import annotations

from pathlib import Path

import jieba
import joblib  # type: ignore[import-untyped]
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

from benchmarks.corpus import labelled_texts


def tokenize(text: str) -> list[str]:
    """The words of a text. At module level, so that the pipeline can be pickled."""
    return [word for word in jieba.lcut(text) if not word.isspace()]


def load_classifier(cache: Path) -> Pipeline:
    """The trained pipeline, from `cache` or trained from the corpus and kept there."""
    if cache.exists():
        pipeline: Pipeline = joblib.load(cache)
        return pipeline
    texts, labels = zip(*labelled_texts(), strict=True)
    pipeline = Pipeline(
        [
            ("tfidf", TfidfVectorizer(tokenizer=tokenize, token_pattern=None)),
            ("svm", LinearSVC()),
        ],
    )
    pipeline.fit(texts, labels)
    joblib.dump(pipeline, cache)
    return pipeline
