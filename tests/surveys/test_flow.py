"""The way through a survey and the reading of typed answers: the resident form, and random surveys."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue import load_catalogue
from domain.catalogue.model import Name
from domain.errors import InputError
from surveys import flow
from surveys.definition import OnlyIf, Option, Question, Survey, load_surveys

FORM = load_surveys()["resident_form"]
HOUSEHOLD = FORM.question("household")


def a_name(text: str) -> Name:
    return Name(zh=text, en=text)


@st.composite
def surveys(draw: st.DrawFn) -> Survey:
    """A survey of single and multiple choices in which any question may depend on an earlier one."""
    questions: list[Question] = []
    options = tuple(Option(str(number), a_name(f"选项{number}")) for number in range(4))
    for number in range(draw(st.integers(1, 10))):
        earlier = st.sampled_from([question.id for question in questions]) if questions else st.nothing()
        values = st.lists(st.sampled_from("0123"), min_size=1, unique=True).map(tuple)
        only_if = draw(st.none() | st.builds(OnlyIf, earlier, values)) if questions else None
        kind = draw(st.sampled_from(["single", "multiple"]))
        questions.append(Question(id=f"q{number}", kind=kind, text=a_name("?"), options=options, only_if=only_if))
    return Survey("random", a_name("t"), a_name("i"), tuple(questions))


def an_answer(question: Question, choice: int) -> object:
    value = str(choice % 4)
    return value if question.kind == "single" else sorted({value, str(choice // 4 % 4)})


def walk(survey: Survey, choices: list[int]) -> tuple[list[str], dict[str, object]]:
    """Answers every question asked, skipping where the choice is a multiple of 5."""
    answers: dict[str, object] = {}
    asked: list[str] = []
    most = len(survey.questions)
    question: Question | None = flow.first(survey)
    while question is not None:
        asked.append(question.id)
        number, total = flow.progress(survey, question.id, answers)
        assert len(asked) == number <= total <= most
        most = total
        choice = choices[len(asked) % len(choices)]
        if choice % 5:
            answers[question.id] = an_answer(question, choice)
        question = flow.following(survey, question.id, answers)
        assert len(asked) <= len(survey.questions)
    return asked, answers


CHOICES = st.lists(st.integers(0, 40), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(surveys(), CHOICES)
def test_flow__random_answers__reaches_the_end(survey: Survey, choices: list[int]) -> None:
    asked, answers = walk(survey, choices)
    assert asked == [question.id for question in flow.path(survey, answers)]
    assert not flow.retired(survey, answers)


@settings(max_examples=150, deadline=None)
@given(surveys(), CHOICES, st.integers(0, 9))
def test_flow__back_then_same_answer__gives_the_same_path(survey: Survey, choices: list[int], steps: int) -> None:
    asked, answers = walk(survey, choices)
    here = asked[-1]
    for _ in range(steps):
        before = flow.previous(survey, here, answers)
        if before is None:
            break
        here = before.id
        if here in answers:
            answers = {**answers, here: answers[here]}
    rest = [here]
    while (question := flow.following(survey, rest[-1], answers)) is not None:
        rest.append(question.id)
    assert asked[asked.index(here) :] == rest


@settings(max_examples=150, deadline=None)
@given(surveys(), CHOICES, st.integers(0, 9), st.integers(1, 40))
def test_flow__earlier_answer_changes__orphans_are_retired(
    survey: Survey, choices: list[int], which: int, choice: int
) -> None:
    asked, answers = walk(survey, choices)
    changed = survey.question(asked[which % len(asked)])
    answers[changed.id] = an_answer(changed, choice)
    for question_id in flow.retired(survey, answers):
        del answers[question_id]
    live = {question.id for question in flow.path(survey, answers)}
    assert set(answers) <= live
    assert not flow.retired(survey, answers)


@pytest.mark.parametrize(
    ("typed", "number"),
    [("7", 7), ("第7个", 7), ("七", 7), ("两", 2), ("十", 10), ("十一", 11), ("二十", 20), ("九十九分", 99), ("〇", 0)]
    + [
        (several, None)
        for several in ("二三十", "二三十个", "一二十", "十二三", "十十", "二三", "十个十", "个", "", "一百")
    ],
)
def test_number_of__one_number__is_read_and_several_are_not(typed: str, number: int | None) -> None:
    assert flow.number_of(typed) == number


@pytest.mark.parametrize(
    "typed", ["1 3 4", "1、3、4", "1,3,4", "1\uff0c3\uff0c4", "134", "1 3 4。", "一 三 四", "1和3和4"]
)
def test_parse__several_numbers__are_read_alike(typed: str) -> None:
    assert flow.parse(HOUSEHOLD, typed) == ["over_60", "from_3_to_6", "pupil"]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("9", "survey.choose_many"),
        ("1 9", "survey.choose_many"),
        ("11", "survey.unclear_numbers"),
        ("1 6", "survey.alone"),
        ("哈哈", "survey.choose_many"),
        ("", "survey.choose_many"),
    ],
)
def test_parse__no_choice_of_several__says_what_is_accepted(typed: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        flow.parse(HOUSEHOLD, typed)
    assert caught.value.code == code


def test_parse__numbers_together_with_ten_options__are_refused_as_ambiguous() -> None:
    options = tuple(Option(str(number), a_name(f"甲{number}")) for number in range(12))
    question = Question(id="q", kind="multiple", text=a_name("?"), options=options)
    assert flow.parse(question, "12") == ["11"]
    with pytest.raises(InputError, match="unclear_numbers"):
        flow.parse(question, "134")


def test_parse__more_than_at_most__is_refused() -> None:
    options = tuple(Option(str(number), a_name(f"甲{number}")) for number in range(4))
    question = Question(id="q", kind="multiple", text=a_name("?"), options=options, at_most=2)
    with pytest.raises(InputError, match="too_many"):
        flow.parse(question, "1 2 3")


@pytest.mark.parametrize(("typed", "point"), [("4", 4), ("四", 4), ("4分", 4), ("5", 5), ("五分", 5), ("1。", 1)])
def test_parse__scale__takes_digits_and_numerals(typed: str, point: int) -> None:
    assert flow.parse(FORM.question("satisfied"), typed) == point


@pytest.mark.parametrize("typed", ["6", "0", "十", "很好", "-1", "4.5"])
def test_parse__not_on_the_scale__is_refused(typed: str) -> None:
    with pytest.raises(InputError, match=r"survey\.scale"):
        flow.parse(FORM.question("satisfied"), typed)


@pytest.mark.parametrize(
    ("question", "typed", "value"),
    [
        ("age", "5", "age_60_69"),
        ("age", "65", "age_60_69"),
        ("age", "72岁", "age_70_79"),
        ("walk", "8分钟", "from_5_10"),
        ("walk", "20", "over_15"),
        ("age", "60-69", "age_60_69"),
        ("age", "七十多", "age_70_79"),
        ("age", "八", "for_family"),
        ("attitude", "支持", "support"),
        ("attitude", "不支持", "oppose"),
        ("attitude", "离远点", "support_farther"),
        ("nature", "有但不够", "insufficient"),
        ("walk", "没有", "none"),
        ("call_back", "不愿意", "no"),
        ("call_back", "好的", "yes"),
    ],
)
def test_parse__label_number_or_other_word__is_the_option(question: str, typed: str, value: str) -> None:
    assert flow.parse(FORM.question(question), typed) == value


@pytest.mark.parametrize("typed", ["500", "岁", "哪个", "到"])
def test_parse__unclear_choice__is_not_guessed(typed: str) -> None:
    with pytest.raises(InputError, match=r"survey\.choose"):
        flow.parse(FORM.question("age"), typed)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FORM.questions), st.text(max_size=30))
def test_parse__any_text__is_a_value_or_an_input_error(question: Question, typed: str) -> None:
    with contextlib.suppress(InputError):
        assert flow.label(question, flow.parse(question, typed), load_catalogue())


def test_form__as_the_source_has_it() -> None:
    """Twelve questions; place, what is missing and how are required; natures are the catalogue's."""
    assert len(FORM.questions) == 12
    assert [question.id for question in FORM.questions if question.required] == ["place", "missing", "nature"]
    assert {option.value for option in FORM.question("nature").options} == set(load_catalogue().natures)
    assert FORM.question("missing").at_most == 3
    given = {"nature": "missing"}
    assert flow.progress(FORM, "more", given) == (11, 11)
