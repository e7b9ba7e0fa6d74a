"""The reader: spans of the original text, rules, robustness, storage of the model, and what serving imports."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue import Catalogue
from nlp import model as models_module
from nlp.corpus import Sample
from nlp.mentions import MAX_MENTIONS
from nlp.model import stored_version
from nlp.reader import SHIPPED, Reader, corpus_model, model_version
from tests.nlp.hostile import hostile_texts

ROOT = Path(__file__).parents[2]


def test_read__two_needs__each_with_its_words(reader: Reader) -> None:
    text = "下班回来转三圈没地儿停，坐个公交还得走二里地"
    reading = reader.read(text)
    words = {mention.leaf: text[mention.start : mention.end] for mention in reading.mentions}
    assert reading.intent == "need_report"
    assert words == {"car_parking": "下班回来转三圈没地儿停", "bus_stop": "坐个公交还得走二里地"}
    assert {mention.leaf: mention.nature for mention in reading.mentions}["bus_stop"] == "too_far"


def test_read__width_and_repeats_folded__spans_of_the_original(reader: Reader) -> None:
    text = "ＡＢＣ！！！！！！，小区没有健身器材啊啊啊啊啊"
    (mention,) = reader.read(text).mentions
    assert mention.leaf == "fitness_equipment"
    assert text[mention.start : mention.end] == "小区没有健身器材啊啊啊啊啊"


def test_read__bare_charging_point__unclear(reader: Reader) -> None:
    assert reader.read("小区没充电桩").intent == "unclear"
    assert [one.leaf for one in reader.read("电车子没处充电").mentions] == ["ebike_parking_charging"]
    assert [one.leaf for one in reader.read("绿牌车装充电桩物业不让").mentions] == ["ev_charging"]


def test_read__enough_of_one__only_the_other_is_a_mention(reader: Reader) -> None:
    assert [one.leaf for one in reader.read("我们这不缺超市，就缺个药店").mentions] == ["pharmacy"]


def test_read__enough_of_it__no_need(reader: Reader) -> None:
    assert reader.read("车位够了别再划了").needs == ()
    assert reader.read("物业光收钱不干活").intent == "service_complaint"


def test_open__model__carries_its_measured_errors(reader: Reader, catalogue: Catalogue) -> None:
    figures = reader.model.figures
    assert set(figures["leaves"]) <= set(catalogue.leaves)
    assert all(0 <= one["precision"] <= 1 and 0 <= one["recall"] <= 1 for one in figures["leaves"].values())
    assert figures["chat"]["leaf_accuracy"] > 0.78
    assert figures["chat"]["leaf_ece"] < 0.1, "of a corpus written to be harder than chat is"
    assert figures["emergency"]["recall"] > 0.7, "of hands not seen, who hid it well"
    assert figures["emergency"]["false_per_thousand"] < 8


def test_read__doubtful__offers_other_facilities(reader: Reader, catalogue: Catalogue) -> None:
    (mention,) = reader.read("老人中午没饭吃").mentions
    assert len(mention.others) == 3
    assert set(mention.others) <= set(catalogue.leaves) - {mention.leaf}


def test_read_many__batch_or_alone__the_same(reader: Reader, samples: list[Sample]) -> None:
    texts = [sample.text for sample in samples[::40]]
    together = reader.read_many(texts)
    alone = [reader.read(text) for text in texts]
    for one, other in zip(together, alone, strict=True):
        assert (one.intent, [mention.leaf for mention in one.mentions]) == (
            other.intent,
            [mention.leaf for mention in other.mentions],
        )
    assert reader.read_many([]) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(codec=None), max_size=60), max_size=4))
def test_read_many__any_text__never_raises(reader: Reader, texts: list[str]) -> None:
    _check(reader, texts)


def test_read_many__hostile_texts__never_raises(reader: Reader, request: pytest.FixtureRequest) -> None:
    """`--texts` of them; `make soak` asks for 200,000."""
    texts = hostile_texts(request.config.getoption("--texts"), seed=3)
    while batch := list(itertools.islice(texts, 1000)):
        _check(reader, batch)


def _check(reader: Reader, texts: list[str]) -> None:
    for text, reading in zip(texts, reader.read_many(texts), strict=True):
        assert len(reading.mentions) <= MAX_MENTIONS + 1  # one may be refused here and wanted there
        assert 0 <= reading.intent_p <= 1
        for mention in reading.mentions:
            assert 0 <= mention.start < mention.end <= len(text)
            assert 0 <= mention.p <= 1


def test_shipped_model__today__is_of_this_corpus_and_code() -> None:
    assert stored_version(SHIPPED) == model_version(), "run make model"


def test_corpus_model__nothing_stored__the_one_that_came_along(tmp_path: Path) -> None:
    assert corpus_model(tmp_path).version == model_version()
    assert list(tmp_path.iterdir()) == [], "nothing had to be learnt"


def test_reader__opened_again__same_model_from_the_store(reader: Reader, models: Path) -> None:
    again = Reader.open(models)
    assert again.model.version == reader.model.version == model_version()
    assert np.array_equal(again.model.weights, reader.model.weights)


def test_load__file_damaged_or_of_another_version__refused(reader: Reader, tmp_path: Path) -> None:
    for name in (models_module.ARRAYS, models_module.WORDS, models_module.MANIFEST):
        folder = tmp_path / name
        models_module.save(reader.model, folder)
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 0xFF
        (folder / name).write_bytes(content)
        assert _is_refused(folder, reader.model.version)
    assert _is_refused(tmp_path / "nothing", reader.model.version)
    models_module.save(reader.model, tmp_path / "good")
    assert _is_refused(tmp_path / "good", "another")
    assert models_module.load(tmp_path / "good", reader.model.version).vocabulary == reader.model.vocabulary


def _is_refused(folder: Path, version: str) -> bool:
    try:
        models_module.load(folder, version)
    except models_module.Damaged:
        return True
    return False


def test_serving__model_stored__imports_neither_sklearn_nor_jieba(reader: Reader, models: Path) -> None:
    program = (
        "import json, sys; from pathlib import Path; from nlp.reader import Reader\n"
        "reading = Reader.open(Path(sys.argv[1])).read('俺们小区没车位')\n"
        "print(json.dumps([reading.intent, sorted({'sklearn', 'jieba', 'scipy'} & set(sys.modules))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(models)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == ["need_report", []]
