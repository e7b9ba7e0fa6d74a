"""Sub-topics that recur inside a facility: found, named, recognised again a week later, and raised when one grows.

Offline: `buqi topics`. Clusters are made anew each time (average linkage on the cosine of word and bigram vectors) and
matched with the topics known before by their centroids, so that a topic keeps its id and name while its members change.
Names are the words that tell a topic from the rest of its facility (class-based TF-IDF: Grootendorst, BERTopic, 2022).

A topic grows when more residents spoke of it in the last 28 days than the 84 days before would give: the exact
conditional test of two Poisson rates (Przyborowski and Wilenski, Biometrika 31, 1940), at 0.05 over all topics by
Benjamini and Hochberg (J. R. Statist. Soc. B 57, 1995).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from nlp.normalise import normalise
from nlp.similar import HOLLOW, things_named
from nlp.tokenize import Cut, serving_cut, user_words

RECENT_DAYS = 28
BEFORE_DAYS = 84  #: three windows of the length of the recent one
LEAST = 3  #: residents behind a topic; fewer are a small cell
LEVEL = 0.05
APART = 0.86  #: clusters stay apart from this cosine distance on; chosen on the corpus's needs
NEAR = 0.35  #: a cluster is the topic known before from this cosine of their centroids on
MOST = 2_000  #: the newest texts of a facility that are clustered
BACKGROUND = 50  #: texts about other things imagined beside the facility's own, so that few texts have common words
TERMS = 40  #: terms of a centroid that are kept
THING = 3.0  #: weight of a thing of the facility against a word
BIGRAM = 0.5  #: weight of two characters against a word


@dataclass(frozen=True, slots=True)
class Row:
    """One need. `span`: the words that ask for the facility; `day`: as `date.toordinal` gives it."""

    need: int
    resident: int
    leaf: str
    span: str
    day: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A sub-topic. `needs` are those of this run; a dormant topic has none."""

    id: int
    leaf: str
    name: str
    centroid: Mapping[str, float]
    first_day: int
    last_day: int
    status: str  #: active, dormant
    needs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Movement:
    """How a topic moves: residents in the recent days and in the days before, and whether that is an alarm."""

    recent: int
    before: int
    p: float  #: of so many or more, if nothing had changed; 1 when it cannot be said
    is_new: bool  #: said by nobody before the recent days: a mark, which three residents get by chance now and then
    is_growing: bool  #: the alarm; a new topic raises it by the same test


def find(rows: Iterable[Row], known: Sequence[Topic], new_id: Callable[[], int]) -> list[Topic]:
    """The topics of all facilities as they are now, the dormant ones of before among them.

    Args:
        rows: needs up to today.
        known: the topics of the run before.
        new_id: gives an id to a topic never seen before.
    """
    by_leaf: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_leaf[row.leaf].append(row)
    topics: list[Topic] = []
    for leaf in sorted(by_leaf.keys() | {topic.leaf for topic in known}):
        newest = sorted(by_leaf[leaf], key=lambda row: (-row.day, row.need))[:MOST]
        topics += _of_leaf(leaf, newest, [topic for topic in known if topic.leaf == leaf], new_id)
    return topics


def movements(topics: Sequence[Topic], rows: Iterable[Row], today: int) -> dict[int, Movement]:
    """How each active topic moves up to today, the day itself included.

    The rate before is that of the time observed, or of the residents heard in it if there were fewer of them: neither
    a pause nor a campaign makes a topic grow.
    """
    rows = [row for row in rows if row.day <= today]
    topic_of = {need: topic.id for topic in topics for need in topic.needs}
    heard: dict[int, set[tuple[int, int]]] = defaultdict(set)  # topic -> (window, resident); window 0 is the recent one
    every: set[tuple[int, int]] = set()
    for row in rows:
        window = (today - row.day) // RECENT_DAYS
        if window <= BEFORE_DAYS // RECENT_DAYS:
            every.add((window, row.resident))
            if row.need in topic_of:
                heard[topic_of[row.need]].add((window, row.resident))
    observed = min(today - min((row.day for row in rows), default=today) + 1, RECENT_DAYS + BEFORE_DAYS)
    days_before = observed - RECENT_DAYS
    recent_all = sum(window == 0 for window, _ in every)
    found: dict[int, Movement] = {}
    for topic in topics:
        if topic.status != "active":
            continue
        recent = sum(window == 0 for window, _ in heard[topic.id])
        before = len(heard[topic.id]) - recent
        p = 1.0
        if days_before >= RECENT_DAYS and recent:
            share = max(RECENT_DAYS / observed, recent_all / len(every))
            p = _at_least(recent, recent + before, share)
        is_new = days_before >= RECENT_DAYS and topic.first_day > today - RECENT_DAYS and recent >= LEAST
        found[topic.id] = Movement(recent, before, p, is_new, is_growing=False)
    growing = _discoveries({id: movement.p for id, movement in found.items()})
    return {
        id: replace(movement, is_growing=id in growing and movement.recent >= LEAST) for id, movement in found.items()
    }


def nearness(topic: Topic, span: str) -> float:
    """How near a text is to a topic's centre, from 0 to 1."""
    terms = _terms(topic.leaf, span)
    norm = math.sqrt(sum(count * count for count in terms.values())) or 1.0
    return _cosine(terms, topic.centroid) / norm


# clusters


def _of_leaf(leaf: str, rows: Sequence[Row], known: Sequence[Topic], new_id: Callable[[], int]) -> list[Topic]:
    terms = [_terms(leaf, row.span) for row in rows]
    clusters = [
        members for members in _clusters(_vectors(terms)) if len({rows[place].resident for place in members}) >= LEAST
    ]
    centroids = [
        _centroid([terms[place] for place in members], [rows[place] for place in members], terms)
        for members in clusters
    ]
    before = _matches(centroids, known)
    taken = {topic.name for topic in known}
    topics = []
    for number, members in enumerate(clusters):
        days = [rows[place].day for place in members]
        needs = tuple(sorted(rows[place].need for place in members))
        old = before.get(number)
        if old is not None:
            first, last = min(old.first_day, *days), max(old.last_day, *days)
            topics.append(
                replace(old, centroid=centroids[number], first_day=first, last_day=last, status="active", needs=needs)
            )
            continue
        name = _name(leaf, members, rows, taken)
        taken.add(name)
        topics.append(Topic(new_id(), leaf, name, centroids[number], min(days), max(days), "active", needs))
    awake = {topic.id for topic in topics}
    return topics + [replace(topic, status="dormant", needs=()) for topic in known if topic.id not in awake]


def _terms(leaf: str, text: str) -> dict[str, float]:
    """What is compared of a text: words, pairs of characters, and the things of the facility it names."""
    text = normalise(text).text
    terms: dict[str, float] = defaultdict(float)
    for word in _words(text):
        terms[word] += 1.0
    for pair in (text[start : start + 2] for start in range(len(text) - 1)):
        if pair.isalnum() and pair not in terms:
            terms["+" + pair] += BIGRAM
    for thing in things_named(leaf, text):
        terms["#" + thing] += THING
    return dict(terms)


def _words(text: str) -> list[str]:
    return [word for word in _cut()(text) if len(word) > 1 and word not in HOLLOW and word.isalpha()]


@lru_cache(maxsize=1)
def _cut() -> Cut:
    return serving_cut(user_words())


def _idf(documents: Sequence[Mapping[str, float]]) -> dict[str, float]:
    counts = Counter(term for document in documents for term in document)
    every = 1 + len(documents) + BACKGROUND
    return {term: math.log(every / (1 + count)) + 0.1 for term, count in counts.items()}


def _vectors(documents: Sequence[Mapping[str, float]]) -> Any:
    """One row of length 1 per text."""
    idf = _idf(documents)
    columns = {term: place for place, term in enumerate(sorted(idf))}
    table = np.zeros((len(documents), max(len(columns), 1)), dtype=np.float32)
    for place, document in enumerate(documents):
        for term, count in document.items():
            table[place, columns[term]] = count * idf[term]
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    return table / np.where(norms > 0, norms, 1)


def _clusters(table: Any) -> list[list[int]]:
    """The members of every cluster, the largest first."""
    if len(table) < LEAST:
        return []
    from sklearn.cluster import AgglomerativeClustering

    distances = np.clip(1 - table @ table.T, 0, 2)
    made = AgglomerativeClustering(
        n_clusters=None, distance_threshold=APART, metric="precomputed", linkage="average"
    ).fit(distances)
    members: dict[int, list[int]] = defaultdict(list)
    for place, label in enumerate(made.labels_):
        members[int(label)].append(place)
    return sorted(members.values(), key=lambda one: (-len(one), one))


def _centroid(
    members: Sequence[Mapping[str, float]], rows: Sequence[Row], every: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """The heaviest terms of a cluster, of length 1. A term only one resident used is not kept: it may tell who."""
    idf = _idf(every)
    users: dict[str, set[int]] = defaultdict(set)
    sums: dict[str, float] = defaultdict(float)
    for document, row in zip(members, rows, strict=True):
        for term, count in document.items():
            sums[term] += count * idf[term]
            users[term].add(row.resident)
    kept = sorted((term for term in sums if len(users[term]) > 1), key=lambda term: (-sums[term], term))[:TERMS]
    norm = math.sqrt(sum(sums[term] ** 2 for term in kept)) or 1.0
    return {term: round(sums[term] / norm, 4) for term in kept}


def _matches(centroids: Sequence[Mapping[str, float]], known: Sequence[Topic]) -> dict[int, Topic]:
    """Cluster -> the topic it was, one to one, the sum of cosines as high as can be (Hungarian method)."""
    if not centroids or not known:
        return {}
    from scipy.optimize import linear_sum_assignment

    cosines = np.array([[_cosine(centroid, topic.centroid) for topic in known] for centroid in centroids])
    cosines[cosines < NEAR] = 0.0
    pairs = zip(*linear_sum_assignment(-cosines), strict=True)
    return {int(number): known[place] for number, place in pairs if cosines[number, place] > 0}


def _cosine(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    return sum(weight * b[term] for term, weight in a.items() if term in b)


def _name(leaf: str, members: Sequence[int], rows: Sequence[Row], taken: set[str]) -> str:
    """The two most telling words several residents used, a third if the name is taken."""
    inside: Counter[str] = Counter()
    users: dict[str, set[int]] = defaultdict(set)
    everywhere: Counter[str] = Counter()
    inner = set(members)
    for place, row in enumerate(rows):
        text = normalise(row.span).text
        words = {*_words(text), *things_named(leaf, text)}
        everywhere.update(words)
        if place in inner:
            inside.update(words)
            for word in words:
                users[word].add(row.resident)
    average = max(len(rows) / 2, 1)
    telling = {
        word: count * math.log(1 + average / everywhere[word]) for word, count in inside.items() if len(users[word]) > 1
    }
    chosen: list[str] = []
    for word in sorted(telling, key=lambda word: (-telling[word], -len(word), word)):
        if not any(word in other or other in word for other in chosen):
            chosen.append(word)
    for size in (2, 3, 4):
        name = "·".join(chosen[:size])
        if name and name not in taken:
            return name
    name = "·".join(chosen[:2]) or "其他"
    return next(found for number in range(2, 10_000) if (found := f"{name} {number}") not in taken)


# growth


def _at_least(count: int, total: int, share: float) -> float:
    """P(X >= count), X binomial."""
    if share >= 1:
        return 1.0
    return min(
        1.0,
        sum(math.comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(count, total + 1)),
    )


def _discoveries(p: Mapping[int, float]) -> set[int]:
    """The hypotheses to reject with a false discovery rate of `LEVEL`."""
    ordered = sorted(p, key=lambda one: (p[one], one))
    last = max((rank for rank, id in enumerate(ordered, 1) if p[id] <= LEVEL * rank / len(ordered)), default=0)
    return set(ordered[:last])
