"""Places are heard by name and by form; a broken gazetteer line is named."""

import re
from pathlib import Path
from typing import cast

import pytest

from domain.catalogue import load_city
from domain.errors import AppError, ConfigError
from domain.texts import LANGUAGES, load_texts
from nlp.normalise import fold
from nlp.places import Entry, Places, read_gazetteer, tree_entries
from nlp.reader import Reader

TREE = load_city("dezhou").tree
PLACES = Places([*tree_entries(TREE), Entry("董子园", "landmark", "P05-01"), Entry("董子园北门广场", "landmark")])


def heard(text: str) -> list[tuple[str, str, str | None]]:
    return [(hint.kind, hint.name, hint.area) for hint in PLACES.find(fold(text))]


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        (
            "我们阳光花园小区3号楼没电梯,东门也没路灯",
            [("estate", "阳光花园", None), ("building", "3号楼", None), ("gate", "东门", None)],
        ),
        ("住在堤岭社区，楼下缺厕所", [("community", "堤岭社区", "P05-05")]),
        ("董子园北门广场没座", [("landmark", "董子园北门广场", None)]),
        ("董子园旁边没座", [("landmark", "董子园", "P05-01")]),
        ("三八路公交站太远", [("road", "三八路", None)]),
        ("这个小区没车位", []),
        ("人行道走不了，路灯也不亮", []),
    ],
)
def test_find__names_and_forms__hints(text: str, hints: list[tuple[str, str, str | None]]) -> None:
    assert heard(text) == hints


def test_find__one_name_of_two_areas__hints_at_both() -> None:
    places = Places([Entry("锦绣城", "estate", code) for code in ("P05-01", "P05-05")] + [Entry("锦绣城", "estate")])
    assert [hint.area for hint in places.named("我住锦绣城")] == ["P05-01", "P05-05"]


def test_read__traditional_and_wide__place_of_the_original(reader: Reader) -> None:
    text = "！！！！！我們陽光花園小區３號樓沒電梯"
    hints = Reader(reader.model, PLACES).read(text).places
    assert [text[hint.start : hint.end] for hint in hints] == ["陽光花園", "３號樓"]


def test_read_gazetteer__comments_and_areas__entries(tmp_path: Path) -> None:
    path = tmp_path / "gazetteer.tsv"
    path.write_text("# ours\n锦绣城\testate\tP05-01\n\n人民医院\tlandmark\n", encoding="utf-8")
    assert read_gazetteer(path, TREE) == [Entry("锦绣城", "estate", "P05-01"), Entry("人民医院", "landmark")]
    assert read_gazetteer(tmp_path / "none.tsv", TREE) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("line", "code", "named"),
    [
        ("锦绣城", "gazetteer.kind", "landmark"),
        ("锦绣城\tshop", "gazetteer.kind", "shop"),
        ("新湖街道\tstreet", "gazetteer.kind", "street"),
        ("城\testate", "gazetteer.name", "城"),
        ("锦绣城\testate\tP99", "gazetteer.area", "P99"),
        ("锦绣城\testate\tDZ-DC-XHU", "gazetteer.not_community", "新湖街道"),
    ],
)
def test_read_gazetteer__broken_line__names_file_line_fault_and_way_out(
    tmp_path: Path, language: str, line: str, code: str, named: str
) -> None:
    path = tmp_path / "gazetteer.tsv"
    path.write_text(f"锦绣府\testate\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_gazetteer(path, TREE)
    (fault,) = cast(tuple[AppError, ...], caught.value.params["faults"])
    assert (fault.code, fault.params["line"]) == (code, 2)
    told = load_texts(language).error(caught.value)
    assert all(part in told for part in (str(path), "2", named))
    assert (re.search("[\u4e00-\u9fff]", told.replace(named, "")) is not None) == (language == "zh")


def test_read_gazetteer__several_faults__all_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "gazetteer.tsv"
    path.write_text("锦绣府\n# ours\n城\testate\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_gazetteer(path, TREE)
    told = load_texts("zh").error(caught.value)
    assert "2 处" in told
    assert "第 1 行" in told
    assert "第 3 行" in told


def test_read_gazetteer__not_utf_8__says_how_to_save_it(tmp_path: Path) -> None:
    path = tmp_path / "gazetteer.tsv"
    path.write_bytes("锦绣府\testate\n".encode("gb18030"))
    with pytest.raises(ConfigError) as caught:
        read_gazetteer(path, TREE)
    assert "UTF-8" in load_texts("zh").error(caught.value)
