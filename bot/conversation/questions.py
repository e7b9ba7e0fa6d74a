"""How a survey's question looks: its text, its hint and its buttons. Typing a button's number presses it."""

from __future__ import annotations

import msgspec

from bot.conversation.context import Context
from bot.conversation.effects import Say
from bot.conversation.say import say
from bot.conversation.state import Dialogue, InSurvey
from domain.catalogue.model import Name
from domain.messages import Button
from surveys import flow
from surveys.definition import Option, Question, Survey

MAX_PLACES = 20
OTHER_PLACE = "@places"  #: shows every community
GROUP = "@g."  #: before a group's code: opens that group of facilities


def invitation(campaign_id: int, survey: Survey, context: Context) -> tuple[tuple[Button, ...], str]:
    """The buttons and the text of an invitation. Its buttons stand on their own: they work weeks later."""
    texts = context.world.texts
    buttons = (
        Button(texts("survey.start"), f"sv:{campaign_id}:@start:{survey.code}"),
        Button(texts("survey.later"), f"sv:{campaign_id}:@later:{survey.code}"),
        Button(texts("survey.off"), f"sv:{campaign_id}:@off:{survey.code}"),
    )
    language = texts.language
    return buttons, texts("survey.invitation", title=survey.title[language], intro=survey.intro[language])


def ask(
    stage: InSurvey, context: Context, lead: str = "", *, places: tuple[str, ...] = (), group: str = ""
) -> tuple[Dialogue, Say]:
    """The question at which `stage` stands.

    Args:
        lead: a sentence before it, such as why the last text was no answer.
        places: communities to choose from: what a typed name may mean, or all.
        group: the open group of a facility question.
    """
    survey = context.world.surveys[stage.survey]
    question = survey.question(stage.question)
    buttons = _buttons(stage, question, context, places, group)
    parts = [lead] if lead else []
    if group:
        parts.append(context.world.texts("survey.in_group"))
    elif question.facilities and stage.draft:
        parts.append(context.world.texts("survey.more_missing"))
    else:
        parts.append(_head(stage, survey, question, context))
    # typed numbers of a multiple choice may come together ("1 3"): they are read by `flow.parse`, not as one button
    typed_as_list = question.kind == "multiple" and not question.facilities
    choices = () if typed_as_list else buttons
    return Dialogue(stage, choices), say(context, "literal", text="\n".join(parts), choices=buttons)


def _head(stage: InSurvey, survey: Survey, question: Question, context: Context) -> str:
    texts = context.world.texts
    number, total = flow.progress(survey, question.id, stage.answers)
    lines = [texts("survey.progress", number=number, total=total), question.text[texts.language]]
    if question.kind == "multiple" and not question.facilities:
        lines.append(texts("survey.hint_multiple"))
    if question.id in stage.answers and not stage.draft:
        lines.append(texts("survey.before", answer=answer_text(question, stage.answers[question.id], context)))
    hints = [] if question.required else [texts("survey.hint_skip")]
    if number > 1:
        hints.append(texts("survey.hint_back"))
    lines.append(texts("survey.hint", hints="".join(hint + texts("survey.comma") for hint in hints)))
    return "\n".join(lines)


def answer_text(question: Question, value: object, context: Context) -> str:
    """An answer as the resident reads it."""
    tree = context.world.city.tree
    if question.kind == "place" and str(value) in tree:
        return tree[str(value)].name
    return flow.label(question, value, context.world.catalogue, context.world.texts.language)


def all_places(context: Context) -> tuple[str, ...]:
    """Every community that can be shown to choose from."""
    return tuple(area.code for area in context.world.city.tree.all_communities)[:MAX_PLACES]


def place_options(context: Context, codes: tuple[str, ...] = ()) -> tuple[Option, ...]:
    """The communities to choose from: those given, or where the resident is known to live, or all."""
    known = codes or ((context.community,) if context.community else all_places(context))
    labels = [place_label(context, code) for code in known]
    return tuple(Option(code, Name(zh=label, en=label)) for code, label in zip(known, labels, strict=True))


def place_label(context: Context, code: str) -> str:
    """The community with its street: names alone can be alike."""
    tree = context.world.city.tree
    street = tree.ancestor(code, "street")
    return f"{street.name if street else ''}{tree[code].name}"


def _buttons(
    stage: InSurvey, question: Question, context: Context, places: tuple[str, ...], group: str
) -> tuple[Button, ...]:
    texts, catalogue = context.world.texts, context.world.catalogue
    language = texts.language

    def button(label: str, value: str) -> Button:
        return Button(label, f"sv:{stage.campaign_id}:{question.id}:{value}")

    if question.kind == "place":
        shown = place_options(context, places)
        found = [button(option.label[language], option.value) for option in shown]
        if len(shown) < len(all_places(context)):
            found.append(button(texts("community.other"), OTHER_PLACE))
    elif question.kind == "scale":
        found = [button(_point(question, point, context), str(point)) for point in range(1, question.scale_max + 1)]
    elif question.facilities and group:
        leaves = [f for f in catalogue.facilities.values() if f.group == group]
        leaves.sort(key=lambda facility: facility.order)
        return (
            *(button(_tick(stage, leaf.code) + leaf.short_name(language), leaf.code) for leaf in leaves),
            button(texts("survey.groups"), "@groups"),
        )
    elif question.facilities:
        found = [button(entry.name[language], GROUP + entry.code) for entry in catalogue.groups.values()]
    else:
        found = [button(_tick(stage, o.value) + o.label[language], o.value) for o in question.options]
    if stage.draft:
        found.append(button(texts("survey.done"), "@done"))
    elif question.id in stage.answers:
        found.append(button(texts("survey.keep"), "@done"))
    if not question.required and not stage.draft:
        found.append(button(texts("survey.skip"), "@skip"))
    return tuple(found)


def _tick(stage: InSurvey, value: str) -> str:
    return "✓ " if value in stage.draft else ""


def _point(question: Question, point: int, context: Context) -> str:
    texts = context.world.texts
    meaning = question.low if point == 1 else question.high if point == question.scale_max else None
    label = texts("survey.point", point=point)
    return f"{label} {meaning[texts.language]}" if meaning else label


def at(stage: InSurvey, question_id: str) -> InSurvey:
    """The same survey at another question."""
    return msgspec.structs.replace(stage, question=question_id, draft=())
