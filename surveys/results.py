"""The answers of a survey as plain tables: one row per respondent, and the count of every option."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from domain.catalogue import Catalogue, load_catalogue
from domain.errors import InputError
from domain.texts import Texts, load_texts
from storage.database import Connection
from storage.surveys import Respondent, area_names, respondents
from surveys import flow
from surveys.definition import Question, Survey

Cell = str | int | None
ANSWERS, COUNTS = "answers", "counts"


class Table(msgspec.Struct, frozen=True):
    """One table for a file: `name` is `answers` or `counts`, `columns` and texts are in the reader's language."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def results_tables(tx: Connection, surveys: Mapping[str, Survey], name: str, language: str) -> list[Table]:
    """Both tables of one survey, over all its campaigns.

    Raises:
        InputError("survey.unknown"): says which surveys there are.
    """
    if name not in surveys:
        raise InputError("survey.unknown", name=name[:40], known="、".join(surveys))
    people, names = respondents(tx, name), area_names(tx)
    catalogue, texts = load_catalogue(), load_texts(language)
    return [
        answers_table(surveys[name], people, names, catalogue, texts),
        counts_table(surveys[name], people, names, catalogue, texts),
    ]


def answers_table(
    survey: Survey, people: Sequence[Respondent], names: Mapping[str, str], catalogue: Catalogue, texts: Texts
) -> Table:
    """One row per respondent and campaign: codes and labels beside each other. Free text is masked as it was stored.

    The number stands for a resident within this table only; it leads back to nobody.
    """
    language = texts.language
    heads = [texts(f"survey.column.{key}") for key in ("number", "campaign", "community", "status")]
    for question in survey.questions:
        title = first_line(question, language)
        heads += [title] if question.kind == "text" else [texts("survey.column.code", question=title), title]
    numbers = _numbers(person.resident_id for person in people)
    campaigns = _numbers(person.campaign_id for person in people)
    rows = []
    for person in people:
        if not person.answers:
            continue
        row: list[Cell] = [
            numbers[person.resident_id],
            campaigns[person.campaign_id],
            names.get(person.community or "", person.community),
            texts("survey.status." + person.status),
        ]
        for question in survey.questions:
            value = person.answers.get(question.id)
            label = None if value is None else flow.label(question, value, catalogue, language)
            if question.kind == "place" and label is not None:
                label = names.get(label, label)
            row += [label] if question.kind == "text" else [_code(value), label]
        rows.append(tuple(row))
    return Table(ANSWERS, tuple(heads), tuple(rows))


def counts_table(
    survey: Survey, people: Sequence[Respondent], names: Mapping[str, str], catalogue: Catalogue, texts: Texts
) -> Table:
    """Residents by option, with how many answered the question and how many were invited.

    A resident counts once, with the last campaign in which they answered.
    """
    last = {person.resident_id: person for person in people if person.answers}
    invited = len({person.resident_id for person in people})
    rows: list[tuple[Cell, ...]] = []
    for question in survey.questions:
        given = [_values(person.answers[question.id]) for person in last.values() if question.id in person.answers]
        title = first_line(question, texts.language)
        for value, label in _options(question, given, names, catalogue, texts):
            count = sum(value in values for values in given)
            rows.append((title, value, label, count, len(given), invited))
    keys = ("question", "value", "option", "count", "answered", "invited")
    heads = [texts("survey.column." + key) for key in keys]
    return Table(COUNTS, tuple(heads), tuple(rows))


def first_line(question: Question, language: str) -> str:
    """The question without its explanations."""
    return question.text[language].splitlines()[0]


def _options(
    question: Question, given: list[list[str]], names: Mapping[str, str], catalogue: Catalogue, texts: Texts
) -> list[tuple[str, str]]:
    """(code, label) of all there is to count; of places and facilities those that were named."""
    named = {value for values in given for value in values}
    if question.kind == "text":
        return []
    if question.facilities:
        own = [(flow.OWN_WORDS.rstrip(":"), texts("survey.own_words"))]
        return [(leaf, catalogue.leaf_name(leaf, texts.language)) for leaf in catalogue.leaves if leaf in named] + own
    if question.kind == "scale":
        return [(str(point), texts("survey.point", point=point)) for point in range(1, question.scale_max + 1)]
    if question.kind == "place":
        return [(code, names.get(code, code)) for code in sorted(named)]
    return [(option.value, option.label[texts.language]) for option in question.options]


def _values(value: object) -> list[str]:
    """An answer's codes; own words stand as one code, whatever they say."""
    given = value if isinstance(value, list) else [value]
    mark = flow.OWN_WORDS.rstrip(":")
    return [mark if str(item).startswith(flow.OWN_WORDS) else str(item) for item in given]


def _code(value: object) -> Cell:
    if value is None or isinstance(value, int):
        return value
    return ";".join(_values(value))


def _numbers(ids: Iterable[int]) -> dict[int, int]:
    return {found: number for number, found in enumerate(dict.fromkeys(ids), 1)}
