"""A survey as a data file: one YAML file in `library/` per survey, checked when read."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from domain.catalogue.loader import read
from domain.catalogue.model import Name
from domain.errors import DataFileError, InputError

LIBRARY = Path(__file__).parent / "library"
#: What a button carries is at most 64 bytes: "sv:<19 digits>:<question>:<value>".
PAYLOAD_ROOM = 40
LONGEST_FACILITY = 25
QuestionKind = Literal["single", "multiple", "scale", "text", "place"]


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One answer to choose."""

    value: str
    label: Name
    also: tuple[str, ...] = ()  #: other words people type for it
    span: tuple[int, int] | None = None  #: a typed quantity from..to means this option: "65", "8分钟"
    alone: bool = False  #: cannot be chosen together with others: "none of these"


class OnlyIf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The question is asked only when an earlier answer is (or contains) one of these values."""

    question: str
    values: tuple[str, ...]


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question. `at_most`: choices of a `multiple`; `scale_max`: a `scale` runs from 1 to it.

    `needs`: a free text whose words are read for needs. `facilities`: the options are the catalogue's facilities,
    or the resident's own words. `low`, `high`: what the ends of a scale mean.
    """

    id: str
    kind: QuestionKind
    text: Name
    required: bool = False
    options: tuple[Option, ...] = ()
    at_most: int | None = None
    scale_max: int = 5
    low: Name | None = None
    high: Name | None = None
    only_if: OnlyIf | None = None
    needs: bool = False
    facilities: bool = False


class Survey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A questionnaire."""

    code: str
    title: Name
    intro: Name
    questions: tuple[Question, ...]

    def question(self, question_id: str) -> Question:
        """The question of that id.

        Raises:
            KeyError: no such question.
        """
        for question in self.questions:
            if question.id == question_id:
                return question
        raise KeyError(question_id)


@cache
def load_surveys(folder: Path = LIBRARY) -> dict[str, Survey]:
    """Every survey of the library by code.

    Raises:
        DataFileError: names file, key, fault and way out.
    """
    surveys = {}
    for path in sorted(folder.glob("*.yaml")):
        survey = read(path, Survey)
        if survey.code != path.stem:
            raise DataFileError(path.name, "code", InputError("data.file_name", name=survey.code))
        _check(survey, path.name)
        surveys[survey.code] = survey
    return surveys


def _check(survey: Survey, file: str) -> None:
    seen: set[str] = set()
    for question in survey.questions:
        key = f"questions.{question.id}"
        if question.id in seen:
            raise DataFileError(file, key, InputError("data.twice"))
        if question.kind in ("single", "multiple") and not (question.options or question.facilities):
            raise DataFileError(file, key, InputError("data.no_options"))
        if question.facilities and question.kind != "multiple":
            raise DataFileError(file, key, InputError("data.facilities_kind", kind=question.kind))
        longest = LONGEST_FACILITY if question.facilities else max((len(o.value) for o in question.options), default=5)
        if len(question.id) + longest > PAYLOAD_ROOM or not re.fullmatch(r"[a-z][a-z0-9_]*", question.id):
            raise DataFileError(file, key, InputError("data.button"))
        if len({option.value for option in question.options}) < len(question.options):
            raise DataFileError(file, key, InputError("data.same_values"))
        if question.only_if and question.only_if.question not in seen:
            raise DataFileError(file, key, InputError("data.not_before", question=question.only_if.question))
        seen.add(question.id)
    if not survey.questions:
        raise DataFileError(file, "questions", InputError("data.no_questions"))
    if len(survey.code) > PAYLOAD_ROOM - 7:
        raise DataFileError(file, "code", InputError("data.code_long", most=PAYLOAD_ROOM - 7))
