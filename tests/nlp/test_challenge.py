"""Champion and challenger on a small corpus: better is promoted, anything else refused, nothing ever crashes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nlp import champion, versions
from nlp.challenge import Outcome, challenge, challenger_version, promote
from nlp.model import save
from nlp.reader import FORMAT, Reader, corpus_model
from nlp.site import is_held_out
from tests.corpora import MEANT, WORD, a_small_corpus, judged, sentences

NO_FILE = Path("nowhere.tsv")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_small_corpus(tmp_path_factory.mktemp("corpus") / "few")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory, small: Path) -> Path:
    """A data folder with the corpus's model and a promoted champion that knows the new word."""
    folder = tmp_path_factory.mktemp("data")
    outcome = challenge(judged(sentences()), folder, small, NO_FILE)
    assert outcome.verdict.promoted, outcome.verdict
    champion.choose(folder, promote(outcome, judged(sentences()), folder, small).version)
    return folder


@pytest.fixture
def fresh(tmp_path: Path, small: Path) -> Path:
    """A data folder with the corpus's model alone."""
    corpus_model(tmp_path, small)
    return tmp_path


def _challenge(data_dir: Path, small: Path, testset: Path = NO_FILE, **how: str) -> Outcome:
    return challenge(judged(sentences(), **how), data_dir, small, testset)


def test_champion__promoted__reads_the_new_word_at_the_next_start(data_dir: Path, small: Path) -> None:
    reader = Reader.open(data_dir, small)
    assert reader.model.version == champion.named(data_dir) != corpus_model(data_dir, small).version
    assert reader.read(f"俺们小区缺个{WORD}").mentions[0].leaf == MEANT
    assert reader.model.corpus_version == versions.corpus_version(small)
    assert reader.model.dictionary_version == versions.dictionary_version()


def test_challenger__held_out_messages__are_not_learnt_before_the_verdict(fresh: Path, small: Path) -> None:
    """Every held-out message carries a word of its own; the twin must not know it, the promoted model does."""
    told = [
        one._replace(masked=one.masked + "咕噜嘟") if is_held_out(one.message_id) else one
        for one in judged(sentences())
    ]
    outcome = challenge(told, fresh, small, NO_FILE)
    assert outcome.twin is not None
    assert "咕噜嘟" not in outcome.twin.vocabulary
    assert "咕噜嘟" in promote(outcome, told, fresh, small).vocabulary


def test_challenge__few_labels__refused_without_training(fresh: Path, small: Path) -> None:
    outcome = challenge(judged(sentences()[:49]), fresh, small, NO_FILE)
    assert (outcome.verdict.promoted, outcome.verdict.reason) == (False, "too_few")
    assert outcome.verdict.facts == {"n": 49, "needed": 50}
    assert outcome.twin is None


def test_challenge__labels_say_what_is_read_already__refused(fresh: Path, small: Path) -> None:
    reader = Reader.open(fresh, small)
    texts = [text for number in range(30) for text in (f"{number}号楼没有车位", f"{number}号楼停车难，没车位")]
    assert {reading.mentions[0].leaf for reading in reader.read_many(texts)} == {"car_parking"}
    outcome = challenge(judged(texts, "car_parking"), fresh, small, NO_FILE)
    assert (outcome.verdict.promoted, outcome.verdict.reason) == (False, "not_better")


def test_challenge__worse_on_the_test_set__refused_whatever_the_site_says(
    fresh: Path, small: Path, tmp_path: Path
) -> None:
    """Somebody labels parking as pharmacies; the frozen test set knows better."""
    texts = [f"{number}号楼没有车位" for number in range(80)]
    testset = tmp_path / "chat.tsv"
    lines = [f"need_report\tchat\ta\t[car_parking|{number}号院没有车位]" for number in range(40)]
    testset.write_text("\n".join(lines), encoding="utf-8")
    outcome = challenge(judged(texts, "pharmacy"), fresh, small, testset)
    assert outcome.site is not None and outcome.site.facility.low > 0, "on its own labels it is better"
    assert (outcome.verdict.promoted, outcome.verdict.reason) == (False, "worse_on_test")
    assert outcome.verdict.facts["what"] == "facility"


def test_challenge__same_labels_again__nothing_new(data_dir: Path, small: Path) -> None:
    outcome = _challenge(data_dir, small)
    assert (outcome.verdict.reason, outcome.twin) == ("nothing_new", None)


def test_challenge__the_champion_has_learnt_the_held_out_messages__its_twin_is_compared(
    data_dir: Path, small: Path
) -> None:
    reigning = champion.find(data_dir, versions.fits_version(FORMAT))
    assert reigning is not None
    assert champion.find_twin(data_dir, reigning).version == reigning.version + champion.TWIN
    more = judged([*sentences(), *(f"{text}啊" for text in sentences())])
    outcome = challenge(more, data_dir, small, NO_FILE)
    assert outcome.champion == reigning.version
    assert not outcome.verdict.promoted


def test_challenge__version_somebody_went_back_from__is_not_promoted_again(fresh: Path, small: Path) -> None:
    told = judged(sentences())
    version = challenger_version(told, small)
    outcome = challenge(told, fresh, small, NO_FILE, frozenset({version}))
    assert (outcome.verdict.reason, outcome.twin) == ("rolled_back", None)


def test_challenger_version__who_said_it__changes_it(small: Path) -> None:
    assert challenger_version(judged(sentences()), small) != challenger_version(
        judged(sentences(), source="resident"), small
    )


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 7}', '{"version": "../../etc"}', '{"version": "gone"}']
)
def test_champion__file_is_nonsense__the_corpus_model_reads(fresh: Path, small: Path, content: str) -> None:
    (fresh / "models" / champion.FILE).write_text(content)
    assert Reader.open(fresh, small).model.version == corpus_model(fresh, small).version


def test_champion__code_changed_since__the_corpus_model_reads_and_the_log_says_why(
    fresh: Path, small: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = replace(corpus_model(fresh, small), version="0ld", fits_version="of last year")
    save(old, champion.place(fresh, "0ld"))
    champion.choose(fresh, "0ld")
    with caplog.at_level("WARNING"):
        assert Reader.open(fresh, small).model.version == corpus_model(fresh, small).version
    assert "champion.outdated" in caplog.text


def test_champion__files_damaged__the_corpus_model_reads(fresh: Path, small: Path) -> None:
    good = replace(corpus_model(fresh, small), version="g00d")
    save(good, champion.place(fresh, "g00d"))
    champion.choose(fresh, "g00d")
    assert Reader.open(fresh, small).model.version == "g00d"
    (champion.place(fresh, "g00d") / "weights.npy").write_bytes(b"x")
    assert Reader.open(fresh, small).model.version == corpus_model(fresh, small).version


def test_choose__file__is_whole_and_nothing_else_stays(fresh: Path) -> None:
    champion.choose(fresh, "abc")
    champion.choose(fresh, None)
    assert json.loads((fresh / "models" / champion.FILE).read_text()) == {"version": None}
    assert [path.name for path in (fresh / "models").glob(".champion*")] == []
    assert champion.named(fresh) is None
