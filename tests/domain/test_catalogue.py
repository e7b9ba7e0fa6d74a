"""Every data file of the catalogue is visited, and broken ones are refused by name."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from domain.catalogue import load_catalogue, load_city
from domain.catalogue.loader import FOLDER
from domain.errors import DataFileError
from domain.texts import LANGUAGES, load_texts

FACILITIES = sorted((FOLDER / "facilities").glob("*.yaml"))
STANDARDS = sorted((FOLDER / "standards").glob("*.yaml"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogue"
    shutil.copytree(FOLDER, folder)
    return folder


def test_catalogue__as_shipped__has_everything() -> None:
    catalogue, city = load_catalogue(), load_city("dezhou")
    norms = [norm for standard in catalogue.standards.values() for norm in standard.norms]
    assert (len(catalogue.facilities), len(catalogue.groups), len(catalogue.intents)) == (45, 10, 16)
    assert (len(norms), sum(norm.verified for norm in norms)) == (114, 65)
    assert (len(catalogue.items20), len(catalogue.rules), len(catalogue.emergency)) == (20, 18, 8)
    assert sorted(area.circle_scale or 0 for area in city.tree.all_communities) == [5] * 12 + [15] * 3
    assert [intent.code for intent in catalogue.intents.values() if intent.counts_as_demand] == ["need_report"]


@pytest.mark.parametrize("path", FACILITIES, ids=lambda path: path.stem)
def test_facility_file__each__is_complete(path: Path) -> None:
    facility = load_catalogue().facilities[path.stem]
    assert facility.name.zh
    assert facility.name.en
    assert facility.definition
    assert facility.keywords
    assert len(facility.phrasings) >= 5
    assert 0 < len(facility.short_name().encode()) <= 60
    assert load_city("dezhou").lead_text(facility.code)


@pytest.mark.parametrize("path", STANDARDS, ids=lambda path: path.stem)
def test_standard_file__each_figure__names_its_clause_and_says_if_verified(path: Path) -> None:
    standard = next(s for s in load_catalogue().standards.values() if s.id.lower() == path.stem)
    assert standard.title
    for norm in standard.norms:
        assert norm.clause
        assert norm.via
        assert not (norm.via == "recall" and norm.verified)


@pytest.mark.parametrize("code", load_catalogue().emergency)
def test_emergency__each_kind__has_numbers_to_dial_and_advice_to_say(code: str) -> None:
    kind = load_catalogue().emergency[code]
    for language in ("zh", "en"):
        number, advice = kind.spoken(language)
        assert re.fullmatch(r"\d{3,5}( (或|和|or|and) \d{3,5})*", number)
        lines = advice.split("\n")
        assert 2 <= len(lines) <= 3
        assert all(len(line) <= (28 if language == "zh" else 82) for line in lines)
        assert not re.search("问卷|回应|社区人员联系|question|worker", advice)


def test_new_facility__one_more_file__is_all_it_takes(copy: Path) -> None:
    content = yaml.safe_load((copy / "facilities" / "pharmacy.yaml").read_text())
    content |= {"code": "pet_park", "order": 46, "name": {"zh": "宠物乐园", "en": "Pet park"}}
    (copy / "facilities" / "pet_park.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    catalogue = load_catalogue(copy)
    assert catalogue.leaf_name("pet_park") == "宠物乐园"
    assert catalogue.leaves[-2:] == ("pet_park", "other_facility")


def test_new_city__one_more_file__is_all_it_takes(copy: Path) -> None:
    city = yaml.safe_load((copy / "cities" / "dezhou.yaml").read_text())
    city["code"] = "liaocheng"
    (copy / "cities" / "liaocheng.yaml").write_text(yaml.safe_dump(city, allow_unicode=True))
    assert load_city("liaocheng", copy).code == "liaocheng"


def test_new_standard__one_more_file__is_all_it_takes(copy: Path) -> None:
    own = yaml.safe_load((copy / "standards" / "wei06.yaml").read_text()) | {"id": "DZ_LOCAL"}
    (copy / "standards" / "dz_local.yaml").write_text(yaml.safe_dump(own, allow_unicode=True))
    assert any(standard.id == "DZ_LOCAL" for standard, _ in load_catalogue(copy).norms("community_health"))


BROKEN = {
    "unknown key": ("facilities/pharmacy.yaml", lambda c: c | {"colour": "red"}, "colour"),
    "missing key": ("facilities/pharmacy.yaml", lambda c: {k: v for k, v in c.items() if k != "group"}, "group"),
    "unknown group": ("facilities/pharmacy.yaml", lambda c: c | {"group": "nowhere"}, "group"),
    "wrong type": ("facilities/pharmacy.yaml", lambda c: c | {"order": "first"}, "order"),
    "order taken": ("facilities/pharmacy.yaml", lambda c: c | {"order": 1}, "order"),
    "other name": ("facilities/pharmacy.yaml", lambda c: c | {"code": "drugs"}, "code"),
    "number nobody can dial": ("emergency.yaml", lambda c: _with(c, "kinds", {"number": "119与物业"}), "number"),
    "norm of nobody": ("standards/wei06.yaml", lambda c: _with(c, "norms", {"facility": "castle"}), "norms.facility"),
    "norm without clause": ("standards/wei06.yaml", lambda c: _with(c, "norms", {"clause": ""}), "norms.clause"),
}


def _with(content: dict, key: str, change: dict) -> dict:
    return content | {key: [content[key][0] | change, *content[key][1:]]}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file__each_fault__names_file_key_fault_and_way_out(copy: Path, name: str) -> None:
    file, change, key = BROKEN[name]
    path = copy / file
    path.write_text(yaml.safe_dump(change(yaml.safe_load(path.read_text())), allow_unicode=True))
    with pytest.raises(DataFileError) as caught:
        load_catalogue(copy)
    params = caught.value.params
    assert params["file"] == path.name
    assert key in f"{params['key']} {params['fault']}"
    for language in LANGUAGES:
        told = load_texts(language).error(caught.value)
        assert path.name in told
        assert re.search("请" if language == "zh" else "Add|Correct|Use|Name|Give", told)
        assert not re.search("Expected|Object|Way out", told) or language == "en"


def test_broken_yaml__says_the_line(copy: Path) -> None:
    (copy / "groups.yaml").write_text("groups:\n  - code: a\n  name: [\n")
    with pytest.raises(DataFileError) as caught:
        load_catalogue(copy)
    assert caught.value.params["file"] == "groups.yaml"
    assert "第 3 行：" in load_texts("zh").error(caught.value)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda c: c["areas"].append({"code": "X", "kind": "community", "name": "x", "parent": "DZ"}), "X"),
        (lambda c: c["areas"].append({"code": "X", "kind": "street", "name": "x", "parent": "gone"}), "X"),
        (lambda c: c["areas"].append(dict(c["areas"][0])), "DZ"),
        (lambda c: c["leads"].pop("pharmacy"), "leads.pharmacy"),
        (lambda c: c["leads"]["pharmacy"][0].update(department="NOBODY"), "leads.pharmacy"),
    ],
)
def test_broken_city__names_the_area_or_lead(copy: Path, change, key: str) -> None:
    path = copy / "cities" / "dezhou.yaml"
    city = yaml.safe_load(path.read_text())
    change(city)
    path.write_text(yaml.safe_dump(city, allow_unicode=True))
    with pytest.raises(DataFileError) as caught:
        load_city("dezhou", copy)
    assert caught.value.params["key"] == key


def test_unknown_city__says_which_there_are() -> None:
    with pytest.raises(DataFileError, match="dezhou"):
        load_city("atlantis")
