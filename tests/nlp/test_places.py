"""Places are heard by name and by form; a broken gazetteer line is named."""

from pathlib import Path

import pytest

from domain.catalogue import load_city
from domain.errors import DataFileError
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


def test_read__traditional_and_wide__place_of_the_original(reader: Reader) -> None:
    text = "！！！！！我們陽光花園小區３號樓沒電梯"
    hints = Reader(reader.model, PLACES).read(text).places
    assert [text[hint.start : hint.end] for hint in hints] == ["陽光花園", "３號樓"]


def test_read_gazetteer__comments_and_areas__entries(tmp_path: Path) -> None:
    path = tmp_path / "gazetteer.tsv"
    path.write_text("# ours\n锦绣城\testate\tP05-01\n\n人民医院\tlandmark\n", encoding="utf-8")
    assert read_gazetteer(path, TREE) == [Entry("锦绣城", "estate", "P05-01"), Entry("人民医院", "landmark")]
    assert read_gazetteer(tmp_path / "none.tsv", TREE) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("锦绣城", "unknown kind"),
        ("锦绣城\tshop", "unknown kind"),
        ("城\testate", "too short"),
        ("锦绣城\testate\tP99", "unknown area"),
    ],
)
def test_read_gazetteer__broken_line__names_line_and_fault(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "gazetteer.tsv"
    path.write_text(f"锦绣府\testate\n{line}\n", encoding="utf-8")
    with pytest.raises(DataFileError) as caught:
        read_gazetteer(path, TREE)
    assert (caught.value.params["file"], caught.value.params["key"]) == ("gazetteer.tsv", "line 2")
    assert fault in str(caught.value.params["fault"])
