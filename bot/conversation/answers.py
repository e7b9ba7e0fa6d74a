"""What follows an answer of a survey: it is recorded, needs are filed from it, the next question is asked."""

from __future__ import annotations

import msgspec

from bot.conversation import questions
from bot.conversation.context import Context
from bot.conversation.effects import (
    Effect,
    FileNeed,
    KeepMessage,
    MarkInvitation,
    RecordAnswer,
    RetractNeed,
    Say,
)
from bot.conversation.events import Said
from bot.conversation.needs import LIVE, needs_of, receipt_lines
from bot.conversation.say import say
from bot.conversation.state import Dialogue, Idle, InSurvey
from domain.reading import Mention
from surveys import flow
from surveys.definition import Question

Step = tuple[Dialogue, tuple[Effect, ...]]

BY_CHOICE = "choice"  #: as a reading's model: chosen from a list, nothing was guessed


def answered(stage: InSurvey, value: object, effects: tuple[Effect, ...], context: Context) -> Step:
    """Records the answer, retires those of branches no longer taken, and asks what follows."""
    survey = context.world.surveys[stage.survey]
    answers = {**stage.answers, stage.question: value}
    recorded = RecordAnswer(stage.campaign_id, stage.question, value)
    stage, retiring = _retire(msgspec.structs.replace(stage, answers=answers), flow.retired(survey, answers), context)
    return _onward(stage, (*_writes(effects), recorded, *retiring), _says(effects), context)


def skip(stage: InSurvey, context: Context) -> Step:
    """No answer to this question, and none on the branches that hung on it."""
    question = asked(stage, context)
    if question.required:
        return again(stage, context, context.world.texts("error.survey.required"))
    survey = context.world.surveys[stage.survey]
    answers = {q: v for q, v in stage.answers.items() if q != question.id}
    void = (question.id, *flow.retired(survey, answers))
    stage, retiring = _retire(msgspec.structs.replace(stage, answers=answers), void, context)
    return _onward(stage, retiring, (), context)


def done(stage: InSurvey, context: Context) -> Step:
    """On with what was picked at this visit, or with the earlier answer."""
    value = list(stage.draft) if stage.draft else stage.answers.get(stage.question)
    if value is None:
        return again(stage, context, context.world.texts("survey.choose_first"))
    return answered(stage, value, (), context)


def back(stage: InSurvey, context: Context) -> Step:
    """To the question before; its answer stands until another is given."""
    survey = context.world.surveys[stage.survey]
    before = flow.previous(survey, stage.question, stage.answers)
    if before is None:
        return again(stage, context, context.world.texts("survey.is_first"))
    after, said = questions.ask(questions.at(stage, before.id), context)
    return after, (said,)


def _onward(stage: InSurvey, effects: tuple[Effect, ...], says: tuple[Say, ...], context: Context) -> Step:
    survey = context.world.surveys[stage.survey]
    question = flow.following(survey, stage.question, stage.answers)
    if question is not None:
        after, said = questions.ask(questions.at(stage, question.id), context)
        return after, (*effects, *says, said)
    # filled in once more, an earlier run may have left answers on another branch
    known = {*stage.answers, *(effect.question for effect in effects if isinstance(effect, RecordAnswer))}
    left = (RecordAnswer(stage.campaign_id, q.id, None) for q in survey.questions if q.id not in known)
    effects = (*effects, *left, MarkInvitation(stage.campaign_id, "finished"))
    thanks = say(context, "survey.thanks")
    for campaign_id, code in stage.waiting:
        if code in context.world.surveys:
            buttons, text = questions.invitation(campaign_id, context.world.surveys[code], context)
            offered = say(context, "literal", text=text, choices=buttons)
            return Dialogue(Idle(), buttons), (*effects, *says, thanks, offered)
    return Dialogue(Idle()), (*effects, *says, thanks)


def _retire(stage: InSurvey, gone: tuple[str, ...], context: Context) -> tuple[InSurvey, tuple[Effect, ...]]:
    """Takes answers back, with the needs that came from them."""
    answers = {q: v for q, v in stage.answers.items() if q not in gone}
    needs = {q: ids for q, ids in stage.needs.items() if q not in gone}
    live = {need.need_id for need in context.own_needs if need.status in LIVE}
    retracted = [RetractNeed(i, "withdrawn") for q in gone for i in stage.needs.get(q, ()) if i in live]
    taken = [RecordAnswer(stage.campaign_id, q, None) for q in gone]
    return msgspec.structs.replace(stage, answers=answers, needs=needs), (*retracted, *taken)


def file_needs(
    stage: InSurvey, message: Said | None, mentions: tuple[Mention, ...], context: Context
) -> tuple[InSurvey, tuple[Effect, ...], list[str]]:
    """Makes the needs of the current question be exactly `mentions`: new ones filed, vanished ones taken back.

    Returns the stage, the effects and a receipt line per new need.
    """
    earlier = [n for n in context.own_needs if n.need_id in stage.needs.get(stage.question, ()) and n.status in LIVE]
    wanted = {mention.leaf for mention in mentions}
    kept = [need for need in earlier if need.leaf in wanted]
    retracted = [RetractNeed(need.need_id, "withdrawn") for need in earlier if need.leaf not in wanted]
    new = tuple(mention for mention in mentions if mention.leaf not in {need.leaf for need in kept})
    filed: list[FileNeed] = []
    effects: list[Effect] = [*retracted]
    if message is not None and (new or message.reading.model != BY_CHOICE):
        effects.append(KeepMessage(message.message_id, message.text, message.reading, "survey"))
    if message is not None and context.community:
        filed, _ = needs_of(message.message_id, new, context.community, context, "survey")
        effects += filed
    ids = (*(need.need_id for need in kept), *(effect.need_id for effect in filed))
    stage = msgspec.structs.replace(stage, needs={**stage.needs, stage.question: ids})
    return stage, tuple(effects), receipt_lines(filed, context)


def noted(lines: list[str], context: Context) -> tuple[Say, ...]:
    """The receipt of the needs just filed, if there are any."""
    return (say(context, "literal", text="\n".join([context.world.texts("survey.noted"), *lines])),) if lines else ()


def _says(effects: tuple[Effect, ...]) -> tuple[Say, ...]:
    return tuple(effect for effect in effects if isinstance(effect, Say))


def _writes(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    return tuple(effect for effect in effects if not isinstance(effect, Say))


def current(stage: InSurvey, context: Context) -> Question | None:
    """The question being asked; None when the survey's file no longer has it."""
    survey = context.world.surveys.get(stage.survey)
    return next((q for q in survey.questions if q.id == stage.question), None) if survey else None


def asked(stage: InSurvey, context: Context) -> Question:
    """The question being asked."""
    return context.world.surveys[stage.survey].question(stage.question)


def again(stage: InSurvey, context: Context, lead: str) -> Step:
    """The same question, after a sentence that says why."""
    after, said = questions.ask(stage, context, lead)
    return after, (said,)


def gone(stage: InSurvey, context: Context) -> Step:
    """The survey's file changed under the resident: the survey ends."""
    return Dialogue(Idle()), (MarkInvitation(stage.campaign_id, "stopped"), say(context, "survey.over"))
