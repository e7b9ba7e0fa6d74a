"""Learning on site: `buqi train` with what residents and workers said, its history, and the way back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app import control
from app.settings import Settings
from app.wiring import open_reading
from domain.catalogue import load_city
from domain.errors import ConfigError, NotFound
from domain.judgement import Judgement
from domain.texts import Texts
from nlp import champion, corpus, versions
from nlp.challenge import Outcome, challenge, promote
from nlp.compare import Compared, Difference
from nlp.evaluate import CHAT
from nlp.reader import FORMAT, Reader, model_version
from storage import labels, models
from storage.database import Connection

ROLLED_BACK = "rolled_back"


def train(settings: Settings, texts: Texts, dry_run: bool, folder: Path = corpus.FOLDER, testset: Path = CHAT) -> None:
    """Prepares the model that reads; with judgements from the site, holds a challenger against it.

    Raises:
        DataFileError: a corpus or test file is broken.
        ConfigError: the database is out of reach, or its writer takes no commands.
    """
    print(texts("cli.training"), file=sys.stderr)
    reader = Reader.open(settings.data_dir, folder)
    print(texts("cli.trained", version=reader.model.version))
    try:
        with reading(settings) as tx:
            said, entries = labels.judgements(tx), models.history(tx)
    except ConfigError as exc:
        if exc.code != "database.missing":
            raise
        print(texts("learn.no_database", fault=texts.error(exc)), file=sys.stderr)
        return
    if not said:
        print(texts("learn.no_labels"))
        return
    rolled_back = frozenset(entry.version for entry in entries if entry.verdict == ROLLED_BACK)
    outcome = challenge(said, settings.data_dir, folder, testset, rolled_back)
    for line in _described(outcome, texts, testset):
        print(line)
    if dry_run:
        print(texts("learn.dry_run"))
    elif outcome.twin is not None:
        _settle(settings, texts, outcome, said, folder)


def rollback(settings: Settings, texts: Texts, folder: Path = corpus.FOLDER) -> None:
    """The champion before reads from the next start on; the corpus's own model when there was none that can be used.

    Raises:
        NotFound("learn.no_champion"): the corpus's own model reads already.
    """
    reigning = champion.named(settings.data_dir)
    if reigning is None:
        raise NotFound("learn.no_champion")
    with reading(settings) as tx:
        known = {entry.version: entry for entry in models.history(tx)}
    before = known[reigning].parent if reigning in known else None
    if before is not None and not _is_champion(settings, known.get(before)):
        before = None
    control.run(settings, "model verdict", {"version": reigning, "verdict": ROLLED_BACK})
    champion.choose(settings.data_dir, before)
    print(texts("learn.rolled_back", version=reigning, before=before or model_version(folder)))
    print(texts("learn.next_start"))


def history(settings: Settings, texts: Texts) -> None:
    """Prints every model: when, from how many labels, with which figures, and what became of it.

    Raises:
        ConfigError: the database is missing or out of reach.
    """
    zone = ZoneInfo(load_city(settings.city).timezone)
    reigning = champion.named(settings.data_dir)
    with reading(settings) as tx:
        entries = models.history(tx)
    for entry in entries:
        at = datetime.fromtimestamp(entry.created_ms / 1000, UTC).astimezone(zone)
        marks = [texts("learn.champion")] if entry.version == reigning else []
        marks += [texts("learn.active")] if entry.active else []
        facts = {
            "version": entry.version,
            "at": at.strftime("%Y-%m-%d %H:%M"),
            "verdict": texts("learn.verdict." + (entry.verdict or "corpus")),
            "labels": counts(entry.labels, texts),
            "corpus": entry.corpus or "-",
            "dictionary": entry.dictionary or "-",
        }
        print(" ".join([texts("learn.entry", **facts), *marks]))
        if "intent_accuracy" in entry.figures:
            measured = {what: entry.figures[f"{what}_accuracy"] for what in ("intent", "leaf")}
            print("  " + texts("learn.figures", **measured))
        for name in ("test", "site"):
            if found := entry.comparison.get(name):
                compared = Compared(*(Difference(**found[what]) for what in Compared._fields))
                print("  " + _line(name, compared, texts))
        if reason := entry.comparison.get("reason"):
            print("  " + _reason(reason, entry.comparison["facts"], texts))
    if not entries:
        print(texts("learn.no_history"))


@contextmanager
def reading(settings: Settings) -> Iterator[Connection]:
    """One read-only transaction.

    Raises:
        ConfigError: the database is missing, not at the newest tables, or out of reach.
    """
    database = open_reading(settings)
    try:
        with database.transaction() as tx:
            yield tx
    finally:
        database.close()


def _settle(settings: Settings, texts: Texts, outcome: Outcome, said: list[Judgement], folder: Path) -> None:
    """Notes the verdict; a promoted challenger is trained whole and named. The name comes last: it is what counts."""
    promoted = outcome.verdict.promoted
    model = promote(outcome, said, settings.data_dir, folder) if promoted else outcome.twin
    assert model is not None
    noted = {
        "version": outcome.version,
        "corpus": model.corpus_version,
        "dictionary": model.dictionary_version,
        "parent": outcome.champion,
        "verdict": "promoted" if promoted else "refused",
        "labels": outcome.labels,
        "comparison": _comparison(outcome),
        "figures": model.figures,
    }
    control.run(settings, "model note", noted)
    if promoted:
        champion.choose(settings.data_dir, model.version)
        print(texts("learn.next_start"))


def _is_champion(settings: Settings, entry: models.Entry | None) -> bool:
    """Whether a model of the history was a champion, not the corpus's own, and still stands in the data folder."""
    if entry is None or entry.verdict != "promoted":
        return False
    return champion.usable(settings.data_dir, entry.version, versions.fits_version(FORMAT)) is not None


# words


def _described(outcome: Outcome, texts: Texts, testset: Path) -> Iterator[str]:
    yield texts("learn.labels", count=sum(outcome.labels.values()), sources=counts(outcome.labels, texts))
    if outcome.twin is not None:
        yield texts("learn.challenger", version=outcome.version, champion=outcome.champion)
        if outcome.test is None:
            yield texts("learn.no_testset", file=str(testset))
    for name, compared in (("test", outcome.test), ("site", outcome.site)):
        if compared is not None:
            yield _line(name, compared, texts)
    verdict = texts("learn.verdict." + ("promoted" if outcome.verdict.promoted else "refused"))
    yield texts("learn.decided", verdict=verdict, reason=_reason(outcome.verdict.reason, outcome.verdict.facts, texts))


def _comparison(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {"reason": outcome.verdict.reason, "facts": outcome.verdict.facts}
    for name, compared in (("test", outcome.test), ("site", outcome.site)):
        if compared is not None:
            found[name] = {what: getattr(compared, what)._asdict() for what in Compared._fields}
    return found


def _line(name: str, compared: Compared, texts: Texts) -> str:
    parts = [
        texts(
            "learn.difference",
            what=texts("learn.what." + what),
            n=found.n,
            champion=f"{found.champion:.3f}",
            challenger=f"{found.challenger:.3f}",
            low=f"{found.low:+.3f}",
            high=f"{found.high:+.3f}",
        )
        for what, found in zip(Compared._fields, compared, strict=True)
    ]
    return " ".join([texts("learn.on." + name), *parts])


def _reason(reason: str, facts: dict[str, Any], texts: Texts) -> str:
    def worded(key: str, value: object) -> object:
        if key == "what":
            return texts(f"learn.what.{value}")
        return f"{value:+.3f}" if isinstance(value, float) else value

    return texts("learn.reason." + reason, **{key: worded(key, value) for key, value in facts.items()})


def counts(found: dict[str, int], texts: Texts) -> str:
    """Labels by source, in words."""
    return ", ".join(f"{texts('label.source.' + source)} {count}" for source, count in found.items()) or "-"
