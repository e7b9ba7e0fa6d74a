"""The corpus loads, is large enough in every class, and a broken line is named."""

from collections import Counter
from pathlib import Path

import pytest

from domain.catalogue import Catalogue
from domain.errors import DataFileError
from domain.texts import load_texts
from nlp.corpus import Sample, load_corpus, load_file, parse
from nlp.evaluate import TESTSETS
from nlp.repeats import near_repeats

GOOD = "need_report\tchat\twang-71f\t俺们[bus_stop:too_far|坐车得走二里地]\n"


def test_corpus__every_facility_and_intent__has_many_messages(samples: list[Sample], catalogue: Catalogue) -> None:
    leaves = Counter(leaf for sample in samples for leaf in {span.leaf for span in sample.spans})
    intents = Counter(sample.intent for sample in samples)
    assert {leaf: leaves[leaf] for leaf in catalogue.leaves if leaves[leaf] < 150} == {}
    assert {intent: intents[intent] for intent in catalogue.intents if intents[intent] < 150} == {}


def test_corpus__several_needs__many_messages(samples: list[Sample]) -> None:
    several = [one for one in samples if one.intent == "need_report" and len({span.leaf for span in one.spans}) > 1]
    assert len(several) >= 1_500


def test_corpus__a_facility_named_and_nothing_asked__many_messages(samples: list[Sample], catalogue: Catalogue) -> None:
    words = {word for facility in catalogue.facilities.values() for word in facility.keywords}
    idle = {"thanks", "objection", "greeting_chitchat", "out_of_scope", "policy_question", "progress_question"}
    named = [one for one in samples if one.intent in idle and (one.spans or any(word in one.text for word in words))]
    assert len(named) >= 1_500


def test_corpus__no_sentence__nearly_repeats_another_or_the_test_sets(
    samples: list[Sample], catalogue: Catalogue
) -> None:
    frozen = [sample.text for path in sorted(TESTSETS.glob("*.tsv")) for sample in load_file(catalogue, path)]
    repeats = near_repeats([*frozen, *(sample.text for sample in samples)])
    assert [samples[later - len(frozen)].text for later, _ in repeats] == []


def test_near_repeats__other_ends_and_signs__found() -> None:
    texts = [
        "俺们小区晚上没有路灯黑得很",
        "没有公厕",
        "俺们小区，晚上没有路灯黑得很！",
        "没公厕",
        "没有公厕。",
        "楼下缺个菜市场",
    ]
    assert near_repeats(texts) == [(2, 0), (4, 1)]


def test_corpus__intent_carries_no_facility__no_marks(samples: list[Sample], catalogue: Catalogue) -> None:
    bare = {code for code, intent in catalogue.intents.items() if intent.carries_leaf == "no"}
    assert [sample.text for sample in samples if sample.intent in bare and sample.spans] == []


def test_parse__two_marks__spans_of_the_bare_text() -> None:
    text, spans = parse("下班[car_parking:insufficient|没地儿停]，[bus_stop|公交也少]")
    assert text == "下班没地儿停，公交也少"
    assert [(span.leaf, span.nature, text[span.start : span.end]) for span in spans] == [
        ("car_parking", "insufficient", "没地儿停"),
        ("bus_stop", None, "公交也少"),
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("need_report\tchat\t没地儿停", "要四列"),
        ("need\tchat\twang-71f\t没地儿停", "“need”"),
        ("need_report\tspoken\twang-71f\t没地儿停", "没有“spoken”"),
        ("need_report\tchat\twang-71f\t[parking|没地儿停]", "没有“parking”"),
        ("need_report\tchat\twang-71f\t[car_parking:few|没地儿停]", "没有“few”"),
        ("need_report\tchat\twang-71f\t[car_parking|没地儿停", "没有闭合"),
        ("need_report\tchat\t\t没地儿停", "空的"),
    ],
)
def test_load_corpus__broken_line__names_file_line_and_fault(
    tmp_path: Path, catalogue: Catalogue, line: str, fault: str
) -> None:
    (tmp_path / "needs.tsv").write_text(GOOD + line + "\n", encoding="utf-8")
    with pytest.raises(DataFileError) as caught:
        load_corpus(catalogue, tmp_path)
    told = load_texts("zh").error(caught.value)
    assert all(part in told for part in ("nlp/corpus/needs.tsv", "第 2 行", fault))
