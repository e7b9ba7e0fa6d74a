"""The order of a survey's questions and the reading of typed answers. Pure: answers in, answers out.

An answer is a JSON-able value: the option's value (`single`, `place`), a list of values in the order they were given
(`multiple`), an integer (`scale`) or the masked text (`text`). A skipped question has no answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from domain.catalogue import Catalogue
from domain.errors import InputError
from surveys.definition import Option, Question, Survey

Answers = Mapping[str, object]

#: Starts an entry of a facility answer that holds the resident's own (masked) words.
OWN_WORDS = "words:"

SKIP = frozenset("0 零 〇 跳过 略过 不想说 不说 不填 不答 skip pass".split())
BACK = frozenset("上一题 上一个 上一步 回上一题 返回上一题 返回 back".split())
DONE = frozenset("选好了 好了 没有了 没了 就这些 不改 下一题 done next".split())

_DIGITS = {numeral: value for value, numeral in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_ENDS = re.compile(r"^[\s。、,]+|[\s。.!?~、,;)]+$")
_QUANTITY = re.compile(r"([0-9]{1,4})(?:多?岁了?|来?分钟)?")
_SEPARATORS = re.compile(r"[\s,、;/+.。和跟]+")


# the way through


def path(survey: Survey, answers: Answers) -> tuple[Question, ...]:
    """The questions asked, given these answers; an answer on a branch not taken counts for nothing."""
    return _path(survey, answers, None)


def _path(survey: Survey, answers: Answers, here: str | None) -> tuple[Question, ...]:
    """As `path`; with `here`, a branch that is decided only there or later counts as taken."""
    asked: list[Question] = []
    live: dict[str, object] = {}
    undecided: set[str] = set()
    reached = False
    for question in survey.questions:
        reached = reached or question.id == here
        condition = question.only_if
        taken = condition is None or _holds(live.get(condition.question), condition.values)
        if not taken and condition is not None and condition.question not in undecided:
            continue
        asked.append(question)
        if question.id in answers:
            live[question.id] = answers[question.id]
        elif reached:
            undecided.add(question.id)
    return tuple(asked)


def _holds(answer: object, values: Sequence[str]) -> bool:
    given = answer if isinstance(answer, list | tuple) else [answer]
    return any(str(value) in values for value in given if value is not None)


def first(survey: Survey) -> Question:
    """The first question."""
    return survey.questions[0]


def following(survey: Survey, question_id: str, answers: Answers) -> Question | None:
    """The next question to ask; None at the end."""
    order = {question.id: position for position, question in enumerate(survey.questions)}
    here = order[question_id]
    return next((question for question in path(survey, answers) if order[question.id] > here), None)


def previous(survey: Survey, question_id: str, answers: Answers) -> Question | None:
    """The question asked before; None at the first."""
    order = {question.id: position for position, question in enumerate(survey.questions)}
    here = order[question_id]
    return next((question for question in reversed(path(survey, answers)) if order[question.id] < here), None)


def retired(survey: Survey, answers: Answers) -> tuple[str, ...]:
    """The answered questions that are no longer asked, since an earlier answer changed."""
    asked = {question.id for question in path(survey, answers)}
    return tuple(question_id for question_id in answers if question_id not in asked)


def progress(survey: Survey, question_id: str, answers: Answers) -> tuple[int, int]:
    """(number of this question, number of all questions that may still come): the total can only shrink."""
    asked = [question.id for question in _path(survey, answers, question_id)]
    number = asked.index(question_id) + 1 if question_id in asked else 1
    return number, len(asked)


# typed answers


def clean(typed: str) -> str:
    """What was typed, in half width, lower case, without the mark at its end."""
    return _ENDS.sub("", unicodedata.normalize("NFKC", typed).lower())


def number_of(typed: str) -> int | None:
    """A number written with digits or Chinese numerals (to 99), perhaps as "第3个" or "4分"; None if it is none."""
    bare = re.sub(r"^第|(个|项|题|分|星|号)$", "", clean(typed))
    if bare.isascii() and bare.isdigit():
        return int(bare) if len(bare) < 4 else None
    tens, ten, units = bare.partition("十")
    if not ten:
        return _DIGITS.get(bare)
    if any(part and part not in _DIGITS for part in (tens, units)):  # "二三十" is no number, but some
        return None
    return _DIGITS.get(tens, 1) * 10 + _DIGITS.get(units, 0)


def parse(question: Question, typed: str, options: Sequence[Option] | None = None) -> object:
    """The value of a typed answer.

    Args:
        options: those shown, where the definition leaves them open (a `place`).
    Raises:
        InputError("survey.choose"): no such choice; names how many there are.
        InputError("survey.choose_many"): as above, of a multiple choice.
        InputError("survey.unclear_numbers"): digits written together that can be read in two ways.
        InputError("survey.too_many"): more than `at_most`.
        InputError("survey.alone"): "none of these" together with others.
        InputError("survey.scale"): not on the scale.
        InputError("survey.empty"): nothing written.
    """
    shown = question.options if options is None else options
    if question.kind == "text":
        if not typed.strip():
            raise InputError("survey.empty")
        return typed.strip()
    if question.kind == "scale":
        number = number_of(typed)
        if number is None or not 1 <= number <= question.scale_max:
            raise InputError("survey.scale", most=question.scale_max)
        return number
    if question.kind == "multiple":
        return _parse_multiple(question, typed, shown)
    option = _option(typed, shown)
    if option is None:
        raise InputError("survey.choose", count=len(shown))
    return option.value


def _parse_multiple(question: Question, typed: str, options: Sequence[Option]) -> list[str]:
    whole = _option(typed, options)
    if whole is not None:
        return [whole.value]
    parts = [part for part in _SEPARATORS.split(clean(typed)) if part]
    if len(parts) == 1 and parts[0].isascii() and parts[0].isdigit():
        parts = _digits(parts[0], len(options))
    chosen: list[str] = []
    for part in parts:
        option = _option(part, options)
        if option is None:
            raise InputError("survey.choose_many", count=len(options))
        if option.value not in chosen:
            chosen.append(option.value)
    if not chosen:
        raise InputError("survey.choose_many", count=len(options))
    return check_choice(question, chosen)


def _digits(run: str, count: int) -> list[str]:
    """ "134" is 1, 3 and 4 only while no option has two digits and no digit stands twice."""
    if count >= 10 or len(set(run)) < len(run):
        raise InputError("survey.unclear_numbers", example=" ".join(run))
    return list(run)


def check_choice(question: Question, chosen: list[str]) -> list[str]:
    """The choice, if it is allowed as a whole.

    Raises:
        InputError("survey.too_many"), InputError("survey.alone"): see `parse`.
    """
    if question.at_most is not None and len(chosen) > question.at_most:
        raise InputError("survey.too_many", most=question.at_most)
    if len(chosen) > 1 and any(option.alone and option.value in chosen for option in question.options):
        raise InputError("survey.alone")
    return chosen


def _option(typed: str, options: Sequence[Option]) -> Option | None:
    """The option by number, label or other word; a part of a label counts when only one label has it."""
    words = clean(typed)
    if not words:
        return None
    for option in options:
        names = (option.label.zh, option.label.en, *option.also)
        if words in (clean(name) for name in names):
            return option
    number = number_of(words)
    if number is not None and 1 <= number <= len(options):
        return options[number - 1]
    quantity = _QUANTITY.fullmatch(words)
    if quantity is not None:
        return next((o for o in options if o.span and o.span[0] <= int(quantity[1]) <= o.span[1]), None)
    if number is not None:
        return None
    parts = [o for o in options if len(words) > 1 and (words in clean(o.label.zh) or words in clean(o.label.en))]
    return parts[0] if len(parts) == 1 else None


# what is shown


def label(question: Question, value: object, catalogue: Catalogue, language: str = "zh") -> str:
    """An answer in words; of a place its code, which only a city can name."""
    if isinstance(value, list | tuple):
        separator = ", " if language == "en" else "、"
        return separator.join(label(question, item, catalogue, language) for item in value)
    text = str(value)
    if question.facilities:
        if text.startswith(OWN_WORDS):
            return f"“{text.removeprefix(OWN_WORDS)}”"
        return catalogue.leaf_name(text, language) if text in catalogue.leaves else text
    for option in question.options:
        if option.value == text:
            return option.label[language]
    return text
