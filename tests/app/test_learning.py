"""`buqi train` and `buqi labels` on an installation whose people have judged: from tap to promoted model and back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from app import learning, noise
from app.settings import Settings
from app.wiring import open_database
from bot.service import Service
from domain.errors import ConfigError, NotFound
from domain.reading import Mention, Reading
from domain.texts import Texts, load_texts
from nlp import champion
from nlp.reader import Reader, corpus_model
from storage import models
from storage.database import Database
from storage.vault import Vault
from tests.builders import NOW_MS, FakeReader, a_service, a_world
from tests.corpora import MEANT, WORD, a_small_corpus, sentences
from tests.staff.builders import Bot, a_need, a_worker, need_row

NO_FILE = Path("nowhere.tsv")


OTHER = "嘟噜棚"  #: another word no reader knows


class _Misreads(FakeReader):
    """Takes what it does not know for a market, as a reader may."""

    def read(self, text: str) -> Reading:
        """The reading of one text."""
        if WORD not in text and OTHER not in text:
            return super().read(text)
        return Reading("need_report", 0.9, (Mention("fresh_market", 0.7, 0, len(text)),), None, text, "fake-1")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_small_corpus(tmp_path_factory.mktemp("corpus") / "few")


@pytest.fixture
def texts() -> Texts:
    return load_texts("zh")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def _site(settings: Settings, told: list[str], leaf: str = MEANT) -> None:
    """Residents say something, a worker corrects each; the server then stops."""
    database, vault = open_database(settings, "test")
    try:
        service, bot = _bot(database, vault)
        for number, text in enumerate(told):
            bot.press(f"set:{a_need(service, text, f'{leaf}{number}')}:{leaf}")
    finally:
        database.close()


def _bot(database: Database, vault: Vault) -> tuple[Service, Bot]:
    service = a_service(database, vault, a_world(), _Misreads())
    a_worker(database, vault)
    return service, Bot(database, a_world(), vault)


def _history(settings: Settings) -> list[models.Entry]:
    with learning.reading(settings) as tx:
        return models.history(tx)


def test_train__no_database__the_corpus_model_as_ever(
    settings: Settings, texts: Texts, few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learning.train(settings, texts, False, few, NO_FILE)
    told = capsys.readouterr()
    assert corpus_model(settings.data_dir, few).version in told.out
    assert "buqi migrate" in told.err
    assert not (settings.data_dir / "buqi.db").exists()


def test_train__too_few_labels__says_how_many(
    settings: Settings, texts: Texts, few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _site(settings, sentences()[:3])
    learning.train(settings, texts, False, few, NO_FILE)
    told = capsys.readouterr().out
    assert "标注太少：3 条，至少要 50 条" in told
    assert champion.named(settings.data_dir) is None
    assert _history(settings) == []


def test_train__corrections__promote_list_and_go_back(
    settings: Settings, texts: Texts, few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way: compared only, promoted, read with, listed, taken back, and not promoted a second time."""
    _site(settings, sentences())
    own = corpus_model(settings.data_dir, few).version

    learning.train(settings, texts, True, few, NO_FILE)
    told = capsys.readouterr().out
    assert "结论：采用" in told and "没有改动任何东西" in told and "nowhere.tsv" in told
    assert (champion.named(settings.data_dir), _history(settings)) == (None, [])

    learning.train(settings, texts, False, few, NO_FILE)
    told = capsys.readouterr().out
    assert "结论：采用" in told and "重启 buqi serve" in told
    promoted = champion.named(settings.data_dir)
    reader = Reader.open(settings.data_dir, few)
    assert reader.model.version == promoted != own
    assert reader.read(f"俺们缺个{WORD}").mentions[0].leaf == MEANT
    (entry,) = _history(settings)
    assert (entry.version, entry.parent, entry.verdict) == (promoted, own, "promoted")
    assert (entry.labels, entry.corpus) == ({"worker": 70}, reader.model.corpus_version)

    learning.history(settings, texts)
    told = capsys.readouterr().out
    assert promoted is not None and promoted in told
    assert "采用" in told and "工作人员 70" in told and "交叉验证" in told and "〔选定〕" in told and "现场样本" in told

    learning.train(settings, texts, False, few, NO_FILE)
    assert "没有新的标注" in capsys.readouterr().out

    learning.rollback(settings, texts, few)
    assert own in capsys.readouterr().out
    assert Reader.open(settings.data_dir, few).model.version == own
    assert _history(settings)[0].verdict == "rolled_back"
    learning.train(settings, texts, False, few, NO_FILE)
    assert "已被人工退回" in capsys.readouterr().out
    with pytest.raises(NotFound) as fault:
        learning.rollback(settings, texts, few)
    assert texts.error(fault.value)


def test_train__refused__is_noted_with_its_reason_and_changes_nothing(
    settings: Settings, texts: Texts, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _site(settings, sentences(), "pharmacy")
    readings = Reader.open(settings.data_dir, few).read_many(sentences())
    testset = tmp_path / "chat.tsv"
    testset.write_text(
        "\n".join(f"need_report\tchat\ta\t[{one.mentions[0].leaf}|{one.masked}]" for one in readings if one.mentions),
        encoding="utf-8",
    )
    learning.train(settings, texts, False, few, testset)
    told = capsys.readouterr().out
    assert "结论：不采用" in told and "固定测试集上设施可能变差" in told
    assert champion.named(settings.data_dir) is None
    (entry,) = _history(settings)
    assert (entry.verdict, entry.comparison["reason"]) == ("refused", "worse_on_test")
    learning.history(settings, texts)
    assert "不采用" in capsys.readouterr().out


def test_rollback__two_champions__the_one_before_reads(
    settings: Settings, texts: Texts, few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _site(settings, sentences())
    learning.train(settings, texts, False, few, NO_FILE)
    first = champion.named(settings.data_dir)
    _site(settings, [text.replace(WORD, OTHER) for text in sentences()], "pharmacy")
    learning.train(settings, texts, False, few, NO_FILE)
    second = champion.named(settings.data_dir)
    assert second != first, capsys.readouterr().out
    learning.rollback(settings, texts, few)
    assert champion.named(settings.data_dir) == first
    assert Reader.open(settings.data_dir, few).model.version == first


def test_train__champion_does_not_fit_any_more__is_made_anew_from_corpus_and_labels(
    settings: Settings, texts: Texts, few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _site(settings, sentences())
    learning.train(settings, texts, False, few, NO_FILE)
    version = champion.named(settings.data_dir)
    assert version is not None
    (champion.place(settings.data_dir, version) / "weights.npy").write_bytes(b"")
    assert Reader.open(settings.data_dir, few).model.version != version, "the corpus's own reads meanwhile"
    learning.train(settings, texts, False, few, NO_FILE)
    assert "结论：采用" in capsys.readouterr().out
    reader = Reader.open(settings.data_dir, few)
    assert reader.model.version == champion.named(settings.data_dir)
    assert reader.read(f"俺们缺个{WORD}").mentions[0].leaf == MEANT


def test_noise__people_disagree_and_a_wrong_label__masked_words_and_receipts_only(
    settings: Settings, texts: Texts, few: Path
) -> None:
    database, vault = open_database(settings, "test")
    service, bot = _bot(database, vault)
    disputed = a_need(service, "没有车位", "u1")
    a_worker(database, vault, user="w2")
    bot.press(f"ok:{disputed}")
    other = Bot(database, a_world(), vault, "w2")
    other.now_ms = NOW_MS + 1000
    other.press(f"no:{disputed}")
    wrong = a_need(service, "小区没有车位，停车难，停车位太少", "u2")
    bot.press(f"set:{wrong}:pharmacy")
    disputed, wrong = (need_row(database, need_id).receipt for need_id in (disputed, wrong))
    database.close()

    out = io.StringIO()
    noise.write_noise(settings, texts, False, out, few)
    head, *rows = list(csv.reader(io.StringIO(out.getvalue())))
    assert len(head) == len(noise.COLUMNS)
    assert [row[2] for row in rows][:1] == [disputed]
    assert "不是需求" in rows[0][3] and "car_parking" in rows[0][5]
    assert {row[2] for row in rows} <= {disputed, wrong}
    suspect = [row for row in rows if row[2] == wrong]
    assert [row[3:6:2] for row in suspect] == [["pharmacy", "car_parking"]]

    whole = io.StringIO()
    noise.write_noise(settings, texts, True, whole, few)
    assert sum(row[1] == "语料" for row in csv.reader(io.StringIO(whole.getvalue()))) > 0
    assert noise.counted(settings, texts) == "现场标注 2 条（工作人员 2）"


def test_commands__no_database__say_what_to_do(settings: Settings, texts: Texts) -> None:
    for command in (
        lambda: learning.history(settings, texts),
        lambda: noise.write_noise(settings, texts, False, io.StringIO()),
        lambda: noise.counted(settings, texts),
    ):
        with pytest.raises(ConfigError) as fault:
            command()
        assert "buqi migrate" in texts.error(fault.value)


def test_history__nothing_yet__says_so(settings: Settings, texts: Texts, capsys: pytest.CaptureFixture[str]) -> None:
    open_database(settings, "test")[0].close()
    learning.history(settings, texts)
    assert "还没有模型记录" in capsys.readouterr().out


def test_champion_file__kept_beside_the_models(settings: Settings) -> None:
    champion.choose(settings.data_dir, "abc")
    assert json.loads((settings.data_dir / "models" / "champion.json").read_text()) == {"version": "abc"}
