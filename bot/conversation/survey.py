"""A survey as part of the dialogue: invitation, questions, answers; a need said in the middle is filed, too.

A button carries "sv:<campaign>:<question>:<value>" (64 bytes at most). Values that begin with "@" are moves:
`@start`, `@later`, `@off` of an invitation (its question), `@done`, `@skip`, `@places`, `@groups`, `@g.<group>` of
a question.
"""

from __future__ import annotations

import msgspec

from bot.conversation import answers, questions
from bot.conversation.context import Context
from bot.conversation.effects import (
    Effect,
    KeepMessage,
    MarkInvitation,
    RecordAnswer,
    SetCommunity,
    SetSurveys,
)
from bot.conversation.events import Invited, Said
from bot.conversation.needs import (
    ASIDE_SURE,
    REMARKS,
    file_message,
    is_aside,
    needs_of,
    receipt_lines,
    remarks_of,
)
from bot.conversation.say import say
from bot.conversation.state import AskCommunity, Dialogue, Filed, Idle, InSurvey
from bot.conversation.yes import HERE, NOT_HERE, says
from domain.catalogue import OTHER_FACILITY
from domain.errors import InputError
from domain.reading import CONFIDENT, Mention, Reading
from surveys import flow
from surveys.definition import Question

Step = tuple[Dialogue, tuple[Effect, ...]]


# invitation


def invite(dialogue: Dialogue, event: Invited, context: Context) -> Step:
    """Offers a survey. Whatever the resident is in the middle of stays as it is."""
    survey = context.world.surveys.get(event.survey)
    if survey is None:
        return dialogue, ()
    invited = MarkInvitation(event.campaign_id, "invited")
    stage = dialogue.stage
    texts = context.world.texts
    if isinstance(stage, InSurvey):
        waiting = (*stage.waiting, (event.campaign_id, event.survey))
        kept = msgspec.structs.replace(stage, waiting=waiting)
        reminder = say(context, "survey.one_after_another", title=survey.title[texts.language])
        return Dialogue(kept, dialogue.choices), (invited, reminder)
    buttons, text = questions.invitation(event.campaign_id, survey, context)
    if _is_unfinished(dialogue):
        # one list for both, so that a typed number means what the message shows
        both = (*dialogue.choices, *buttons)
        text = texts("survey.reminder", invitation=text)
        return Dialogue(stage, both), (invited, say(context, "literal", text=text, choices=both))
    return Dialogue(stage, buttons), (invited, say(context, "literal", text=text, choices=buttons))


def _is_unfinished(dialogue: Dialogue) -> bool:
    """Whether the resident still owes an answer: the community, which facility was meant, whether to erase."""
    if not isinstance(dialogue.stage, Idle | Filed):
        return True
    return any(button.payload.startswith(("set:", "forget:", "wd:")) for button in dialogue.choices)


def stop(dialogue: Dialogue, _context: Context) -> tuple[Effect, ...]:
    """What stopping leaves behind; answers given so far are kept."""
    if isinstance(dialogue.stage, InSurvey):
        return (MarkInvitation(dialogue.stage.campaign_id, "stopped"),)
    return ()


def ask_again(_dialogue: Dialogue, stage: InSurvey, context: Context) -> Step:
    """The question that was asked last, once more."""
    if answers.current(stage, context) is None:
        return answers.gone(stage, context)
    after, question = questions.ask(stage, context)
    return after, (question,)


# buttons


def pressed(dialogue: Dialogue, rest: str, context: Context) -> Step:
    """A button of an invitation or of a question, perhaps pressed long after."""
    campaign, _, rest = rest.partition(":")
    question_id, _, value = rest.partition(":")
    campaign_id = int(campaign) if campaign.isascii() and campaign.isdigit() and len(campaign) < 20 else 0
    if not 0 < campaign_id < 2**63:  # what a database's id can be
        return dialogue, (say(context, "button.stale"),)
    if question_id in ("@start", "@later", "@off"):
        return _invitation_pressed(dialogue, campaign_id, question_id, value, context)
    stage = dialogue.stage
    if not isinstance(stage, InSurvey) or answers.current(stage, context) is None:
        return dialogue, (say(context, "survey.over"),)
    if stage.campaign_id != campaign_id or stage.question != question_id:
        return answers.again(stage, context, context.world.texts("survey.stale"))
    return _chosen(stage, value, context)


def _invitation_pressed(dialogue: Dialogue, campaign_id: int, move: str, code: str, context: Context) -> Step:
    stage = dialogue.stage
    others = tuple(button for button in dialogue.choices if not button.payload.startswith("sv:"))
    if move == "@off":
        marks = (MarkInvitation(campaign_id, "stopped"), *stop(dialogue, context))
        rest = Dialogue(Idle()) if isinstance(stage, InSurvey) else Dialogue(stage, others)
        return rest, (*dict.fromkeys(marks), SetSurveys(False), say(context, "surveys.off"))
    if isinstance(stage, InSurvey):
        if stage.campaign_id == campaign_id and move == "@start":
            return ask_again(dialogue, stage, context)
        return answers.again(stage, context, context.world.texts("survey.this_first"))
    if move == "@later":
        return Dialogue(stage, others), (say(context, "survey.later_ok", choices=others),)
    survey = context.world.surveys.get(code)
    if survey is None:
        return Dialogue(stage, others), (say(context, "survey.over"),)
    if isinstance(stage, AskCommunity) and stage.pending is not None:
        # a kept need waits for the community: it would be lost
        return dialogue, (say(context, "survey.community_first", choices=dialogue.choices),)
    started = InSurvey(campaign_id, survey.code, flow.first(survey).id)
    after, question = questions.ask(started, context)
    return after, (MarkInvitation(campaign_id, "started"), question)


def _chosen(stage: InSurvey, value: str, context: Context) -> Step:
    """A value or a move of the question that is being asked."""
    question = answers.asked(stage, context)
    if value == "@skip":
        return answers.skip(stage, context)
    if value == "@done":
        return answers.done(stage, context)
    if question.facilities:
        return _facility_pressed(stage, question, value, context)
    if question.kind == "multiple":
        return _toggled(stage, question, value, context)
    if question.kind == "place":
        if value == questions.OTHER_PLACE:
            return _all_places(stage, context)
        return _place(stage, value, context) if value in context.world.city.tree else _stale(stage, context)
    if question.kind == "scale":
        point = flow.number_of(value)
        good = point is not None and 1 <= point <= question.scale_max
        return answers.answered(stage, point, (), context) if good else _stale(stage, context)
    if value not in {option.value for option in question.options}:
        return _stale(stage, context)
    return answers.answered(stage, value, (), context)


def _stale(stage: InSurvey, context: Context) -> Step:
    return answers.again(stage, context, context.world.texts("survey.stale"))


def _toggled(stage: InSurvey, question: Question, value: str, context: Context) -> Step:
    """One more of several, or one less; "none of these" ends it at once."""
    options = {option.value: option for option in question.options}
    if value not in options:
        return _stale(stage, context)
    if options[value].alone:
        return answers.answered(stage, [value], (), context)
    draft = tuple(v for v in stage.draft if v != value) if value in stage.draft else (*stage.draft, value)
    try:
        flow.check_choice(question, list(draft))
    except InputError as error:
        return answers.again(stage, context, context.world.texts.error(error))
    picked = msgspec.structs.replace(stage, draft=draft)
    if not draft:
        return answers.again(picked, context, "")
    return answers.again(picked, context, _so_far(question, draft, context))


def _so_far(question: Question, draft: tuple[str, ...], context: Context) -> str:
    return context.world.texts("survey.so_far", answer=questions.answer_text(question, draft, context))


def _facility_pressed(stage: InSurvey, question: Question, value: str, context: Context) -> Step:
    """Into a group, back to the groups, or a facility: it is recorded and filed at once, and asked for more."""
    catalogue = context.world.catalogue
    if value.startswith(questions.GROUP) or value == "@groups":
        group = value.removeprefix(questions.GROUP)
        after, asked = questions.ask(stage, context, group=group if group in catalogue.groups else "")
        return after, (asked,)
    if value not in catalogue.facilities:
        return _stale(stage, context)
    draft = tuple(v for v in stage.draft if v != value) if value in stage.draft else (*stage.draft, value)
    mentions = tuple(Mention(leaf, 1.0, 0, 0) for leaf in draft)
    name = catalogue.leaf_name(value, context.world.texts.language)
    reading = Reading("need_report", 1.0, mentions, None, name, answers.BY_CHOICE)
    # the kept choice has no message of its own: it shares the number of its first need, in another table
    message = Said(name, reading, context.fresh[0][0]) if context.fresh else None
    picked = msgspec.structs.replace(stage, draft=draft)
    picked, effects, lines = answers.file_needs(picked, message, mentions, context)
    if not draft:
        others = {q: v for q, v in stage.answers.items() if q != question.id}
        cleared = msgspec.structs.replace(picked, answers=others)
        after, asked = questions.ask(cleared, context)
        return after, (*effects, RecordAnswer(stage.campaign_id, question.id, None), asked)
    if len(draft) >= (question.at_most or len(catalogue.facilities)):
        return answers.answered(picked, list(draft), (*effects, *answers.noted(lines, context)), context)
    so_far = {**stage.answers, question.id: list(draft)}
    recorded = RecordAnswer(stage.campaign_id, question.id, list(draft))
    lead = "\n".join([*lines, _so_far(question, draft, context)])
    after, asked = questions.ask(msgspec.structs.replace(picked, answers=so_far), context, lead)
    return after, (*effects, recorded, asked)


# free text


def said(dialogue: Dialogue, stage: InSurvey, event: Said, context: Context) -> Step:
    """A typed answer, a move, or something else that has to be heard before the survey goes on."""
    question = answers.current(stage, context)
    if question is None:
        return answers.gone(stage, context)
    typed = flow.clean(event.text)
    if typed in flow.BACK:
        return answers.back(stage, context)
    if typed in flow.SKIP:
        return answers.skip(stage, context)
    if typed in flow.DONE and (stage.draft or question.id in stage.answers):
        return answers.done(stage, context)
    if question.facilities:
        return _own_words(stage, question, event, context)
    if question.kind == "text":
        return _text(stage, question, event, context)
    if question.kind == "place":
        return _place_said(dialogue, stage, event, context)
    try:
        value = flow.parse(question, event.text)
        if isinstance(value, list) and stage.draft:
            value = flow.check_choice(question, list(dict.fromkeys([*stage.draft, *value])))
    except InputError as error:
        return _aside(stage, event, context, context.world.texts.error(error))
    return answers.answered(stage, value, (), context)


def _own_words(stage: InSurvey, question: Question, event: Said, context: Context) -> Step:
    """What is missing, in the resident's own words, after what was picked from the list."""
    reading = event.reading
    if reading.intent in REMARKS and reading.intent_p >= ASIDE_SURE:
        return _aside(stage, event, context, "")
    room = (question.at_most or 3) - len(stage.draft)
    in_order = sorted(reading.mentions, key=lambda mention: mention.start)  # the most important is said first
    heard = tuple(mention for mention in in_order if mention.leaf not in stage.draft)[:room]
    if not heard and reading.intent == "need_report":
        heard = (Mention(OTHER_FACILITY, 0.0, 0, 0),)[:room]
    # the question makes it a need, however short the answer
    as_need = msgspec.structs.replace(reading, intent="need_report") if heard else reading
    mentions = (*(Mention(leaf, 1.0, 0, 0) for leaf in stage.draft), *heard)
    message = Said(event.text, as_need, event.message_id)
    filed, effects, lines = answers.file_needs(stage, message, mentions, context)
    value = [m.leaf for m in mentions if m.leaf != OTHER_FACILITY] + [flow.OWN_WORDS + reading.masked]
    return answers.answered(filed, value, (*effects, *answers.noted(lines, context)), context)


def _text(stage: InSurvey, question: Question, event: Said, context: Context) -> Step:
    reading = event.reading
    keep = KeepMessage(event.message_id, event.text, reading, "survey")
    effects: tuple[Effect, ...] = (keep,)
    if question.needs and reading.needs:
        stage, effects, lines = answers.file_needs(stage, event, reading.needs, context)
        effects = (*effects, *answers.noted(lines, context))
    elif question.needs and reading.intent in REMARKS and context.community:
        effects = (keep, *remarks_of(event.message_id, reading, context.community))
    return answers.answered(stage, reading.masked, effects, context)


def _place_said(dialogue: Dialogue, stage: InSurvey, event: Said, context: Context) -> Step:
    offered = [button.payload.rpartition(":")[2] for button in dialogue.choices if button.payload.startswith("sv:")]
    codes = tuple(code for code in offered if code in context.world.city.tree)
    if len(codes) == 1 and says(HERE, event.text):  # "yes" means what the last message asked
        return _place(stage, codes[0], context)
    shown = questions.place_options(context, codes) if codes else ()
    try:
        return _place(stage, str(flow.parse(answers.asked(stage, context), event.text, shown)), context)
    except InputError:
        pass
    if shown and says(NOT_HERE, event.text):
        return _all_places(stage, context)
    meant = context.world.match_community(event.text)
    if _is_need(event.reading) and not event.is_name:
        return _place_and_need(stage, meant.sure, event, context) if meant.sure else _aside(stage, event, context, "")
    if meant.sure:
        return _place(stage, meant.sure, context)
    if not meant.possible:
        return _aside(stage, event, context, context.world.texts("error.survey.place"))
    name = questions.place_label(context, meant.possible[0])
    lead = context.world.texts("survey.which_place" if len(meant.possible) > 1 else "community.is_it", name=name)
    after, asked = questions.ask(stage, context, lead, places=meant.possible)
    return after, (asked,)


def _all_places(stage: InSurvey, context: Context) -> Step:
    """The question where somebody lives, with every community to choose from."""
    after, asked = questions.ask(stage, context, places=questions.all_places(context))
    return after, (asked,)


def _place(stage: InSurvey, code: str, context: Context, effects: tuple[Effect, ...] = ()) -> Step:
    moved = () if code == context.community else (SetCommunity(code),)
    return answers.answered(stage, code, (*moved, *effects), msgspec.structs.replace(context, community=code))


def _place_and_need(stage: InSurvey, code: str, event: Said, context: Context) -> Step:
    """Where somebody lives and what is missing there, in one text: "堤岭社区没有食堂"."""
    keep = KeepMessage(event.message_id, event.text, event.reading, "chat")
    effects, _ = needs_of(event.message_id, event.reading.needs, code, context, "chat")
    return _place(stage, code, context, (keep, *effects, *answers.noted(receipt_lines(effects, context), context)))


def _aside(stage: InSurvey, event: Said, context: Context, fault: str) -> Step:
    """Not an answer: a need or remark is kept and filed, a question answered; then the survey goes on."""
    reading = event.reading
    keep = KeepMessage(event.message_id, event.text, reading, "chat")
    lead = context.world.texts("survey.on_we_go")
    if context.community and _is_need(reading):
        effects, _ = needs_of(event.message_id, reading.needs, context.community, context, "chat")
        after, asked = questions.ask(stage, context, lead)
        return after, (keep, *effects, *answers.noted(receipt_lines(effects, context), context), asked)
    if _is_need(reading):  # of an unknown community: it is not filed, but its words are kept
        after, asked = questions.ask(stage, context, fault)
        return after, (keep, asked)
    is_words = any(sign.isalpha() for sign in event.text)
    if is_words and context.community and is_aside(reading):
        _, answer = file_message(event.message_id, reading, context.community, context)
        after, asked = questions.ask(stage, context, lead)
        return after, (keep, *answer, asked)
    return answers.again(stage, context, fault)


def _is_need(reading: Reading) -> bool:
    return any(mention.p >= CONFIDENT for mention in reading.needs)
