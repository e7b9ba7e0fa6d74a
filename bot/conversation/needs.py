"""From a reading to filed needs, and everything a resident can do with them afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bot.conversation.context import Context, OwnNeed
from bot.conversation.effects import ConfirmNeeds, Effect, FileNeed, FileRemark, ReassignNeed, RetractNeed, Say
from bot.conversation.say import say
from bot.conversation.state import AnyStage, Dialogue, Filed, FiledNeed, Idle, Pending
from domain.catalogue import OTHER_FACILITY
from domain.messages import Button
from domain.reading import CONFIDENT, Mention, Reading

Step = tuple[Dialogue, tuple[Effect, ...]]
CIRCLED = "①②③④⑤⑥"
MAX_OPTIONS = 4
MAX_LISTED = 30

#: Intents kept beside the demand with the facility they are about.
REMARKS = ("fault_report", "service_complaint", "objection")
#: Intents whose own answer is given before an open question is asked again.
ASIDE = (
    *REMARKS,
    "data_rights",
    "human_handoff",
    "out_of_scope",
    "policy_question",
    "progress_question",
    "suggestion",
    "thanks",
)
ASIDE_SURE = 0.5


def file_message(message_id: int, reading: Reading, community: str, context: Context) -> Step:
    """Answers one kept message: needs are filed, everything else gets the answer its intent deserves."""
    effects: list[Effect] = list(remarks_of(message_id, reading, community))
    needs = reading.needs
    if reading.intent == "need_report" and not needs:
        needs = (Mention(OTHER_FACILITY, 0.0, 0, 0),)
    if needs:
        state, filed = _file_needs(message_id, needs, community, context)
        return state, (*effects, *filed)
    choices, answered = answer(reading, context)
    return Dialogue(Idle(), choices), (*effects, answered)


def is_filed(reading: Reading) -> bool:
    """Whether something of a message belongs to a community: a need, or a remark about a facility."""
    return reading.intent == "need_report" or any(reading.meant(intent) for intent in ("need_report", *REMARKS))


def is_aside(reading: Reading) -> bool:
    """Whether a message is no answer to an open question, but has one of its own coming."""
    return reading.intent in ASIDE and reading.intent_p >= ASIDE_SURE


def answer(reading: Reading, context: Context) -> tuple[tuple[Button, ...], Say]:
    """The answer an intent deserves, and what can be chosen of it."""
    texts = context.world.texts
    choices: tuple[Button, ...] = ()
    if reading.intent == "data_rights":
        choices = tuple(Button(texts(f"go.{name}"), f"go:{name}") for name in ("mine", "withdraw", "forget"))
    about = "、".join(context.world.catalogue.leaf_name(m.leaf, texts.language) for m in reading.mentions)
    return choices, say(context, "answer." + reading.intent, choices=choices, about=about or texts("this_matter"))


def remarks_of(message_id: int, reading: Reading, community: str) -> Iterator[FileRemark]:
    """What a message says against or about facilities, beside what it asks for."""
    for intent in REMARKS:
        for mention in reading.meant(intent):
            yield FileRemark(message_id, mention, intent, community)


def file_pending(pending: tuple[Pending, ...], community: str, context: Context) -> Step:
    """Files the messages that waited for the community, and answers them all in one message."""
    effects: list[Effect] = []
    says: list[Say] = []
    filed: list[FiledNeed] = []
    state = Dialogue(Idle())
    for kept in pending:
        state, more = file_message(kept.message_id, kept.reading, community, context)
        used = sum(isinstance(effect, FileNeed) for effect in more)
        context = msgspec.structs.replace(context, fresh=context.fresh[used:])
        says += [effect for effect in more if isinstance(effect, Say)]
        effects += [effect for effect in more if not isinstance(effect, Say)]
        filed += state.stage.needs if isinstance(state.stage, Filed) else ()
    text = "\n\n".join(answer.outbound.text for answer in says)
    stage: AnyStage = Filed(tuple(filed)) if filed else Idle()
    return Dialogue(stage, state.choices), (*effects, say(context, "literal", text=text, choices=state.choices))


def needs_of(
    message_id: int, mentions: tuple[Mention, ...], community: str, context: Context, source: str
) -> tuple[list[FileNeed], list[FiledNeed]]:
    """The effects that file a message's needs, and what the dialogue remembers of them."""
    effects, filed = [], []
    for (need_id, receipt), mention in zip(context.fresh, mentions, strict=False):
        status = "filed" if mention.p >= CONFIDENT else "asked"
        effects.append(FileNeed(need_id, receipt, message_id, mention, status, source, community))
        filed.append(FiledNeed(need_id, mention.leaf, mention.others))
    return effects, filed


def receipt_lines(effects: list[FileNeed], context: Context) -> list[str]:
    """One line per counted need: what, its number, and how many neighbours want the same."""
    texts, catalogue = context.world.texts, context.world.catalogue
    lines = []
    for mark, effect in zip(CIRCLED, [e for e in effects if e.status == "filed"], strict=False):
        mention = effect.mention
        where = (effect.community, mention.leaf)
        others = context.residents.get(where, 0) - (where in context.own_voices)
        nature = "" if mention.nature == "unknown" else catalogue.natures[mention.nature].name[texts.language]
        lines.append(
            texts(
                "receipt.line_nature" if nature else "receipt.line",
                mark=mark,
                name=catalogue.leaf_name(mention.leaf, texts.language),
                nature=nature,
                receipt=effect.receipt,
            )
            + _neighbours(where, others, context)
        )
    return lines


def _neighbours(where: tuple[str, str], others: int, context: Context) -> str:
    """Who else wants the same there: the resident before, neighbours, or nobody yet."""
    texts = context.world.texts
    again = texts("receipt.again") if where in context.own_voices else ""
    if others > 0:
        return again + texts("receipt.neighbours", count=others)
    return again or texts("receipt.first")


def _file_needs(message_id: int, mentions: tuple[Mention, ...], community: str, context: Context) -> Step:
    effects, filed = needs_of(message_id, mentions, community, context, "chat")
    sure = [effect for effect in effects if effect.status == "filed"]
    unsure = [need for need, effect in zip(filed, effects, strict=True) if effect.status == "asked"]
    texts = context.world.texts
    says: list[Say] = []
    choices: tuple[Button, ...] = ()
    if sure:
        name = context.world.city.tree[community].name
        text = "\n".join([texts("receipt.head", name=name), *receipt_lines(effects, context)])
        if not unsure:
            choices = _confirm_buttons(message_id, filed, texts)
            text += "\n" + texts("receipt.right")
        says.append(say(context, "literal", text=text, choices=choices))
    if unsure:
        choices, question = which(unsure[0], context)
        says.append(question)
    return Dialogue(Filed(tuple(filed)), choices), (*effects, *says)


def _confirm_buttons(message_id: int, filed: list[FiledNeed], texts) -> tuple[Button, ...]:  # type: ignore[no-untyped-def]
    if len(filed) == 1:
        return (
            Button(texts("confirm.yes"), f"ok:{message_id}"),
            Button(texts("confirm.fix"), f"fix:{filed[0].need_id}"),
            Button(texts("confirm.none"), f"no:{message_id}"),
        )
    return (
        Button(texts("confirm.yes_all"), f"ok:{message_id}"),
        *(
            Button(texts("confirm.fix_nth", number=number), f"fix:{need.need_id}")
            for number, need in enumerate(filed, 1)
        ),
        Button(texts("confirm.none_all"), f"no:{message_id}"),
    )


def which(need: FiledNeed, context: Context, exclude: str | None = None) -> tuple[tuple[Button, ...], Say]:
    """The question which facility was meant, most likely first, with two ways to say none."""
    catalogue, texts = context.world.catalogue, context.world.texts
    leaves = [need.leaf, *need.others, *_siblings(need.leaf, context)]
    leaves = [leaf for leaf in dict.fromkeys(leaves) if leaf not in (exclude, OTHER_FACILITY)][:MAX_OPTIONS]
    buttons = (
        *(Button(catalogue.leaf_name(leaf, texts.language), f"set:{need.need_id}:{leaf}") for leaf in leaves),
        Button(texts("which.other"), f"set:{need.need_id}:{OTHER_FACILITY}"),
        Button(texts("which.drop"), f"drop:{need.need_id}"),
    )
    return buttons, say(context, "which.ask", choices=buttons)


def _siblings(leaf: str, context: Context) -> list[str]:
    facilities = context.world.catalogue.facilities
    if leaf not in facilities:
        return []
    group = facilities[leaf].group
    return [other.code for other in facilities.values() if other.group == group]


def _own(rest: str, context: Context) -> OwnNeed | None:
    return next((need for need in context.own_needs if str(need.need_id) == rest), None)


LIVE = ("filed", "asked")


def confirm(action: str, rest: str, context: Context) -> tuple[Effect, ...]:
    """ok:<message> all right; no:<message> none of these; drop:<need>, wd:<need> take one back."""
    if action in ("ok", "no"):
        needs = [need for need in context.own_needs if str(need.message_id) == rest and need.status in LIVE]
        if not needs:
            return (say(context, "button.stale"),)
        if action == "ok":
            return (ConfirmNeeds(tuple(need.need_id for need in needs)), say(context, "confirm.thanks"))
        return (*(RetractNeed(need.need_id, "rejected") for need in needs), say(context, "confirm.dropped"))
    need = _own(rest, context)
    if need is None or need.status not in LIVE:
        return (say(context, "button.stale"),)
    if action == "wd":
        name = context.world.catalogue.leaf_name(need.leaf, context.world.texts.language)
        taken_back = say(context, "withdraw.done", name=name, receipt=need.receipt)
        return (RetractNeed(need.need_id, "withdrawn"), taken_back)
    return (RetractNeed(need.need_id, "rejected"), say(context, "confirm.dropped"))


def reassign(dialogue: Dialogue, action: str, rest: str, context: Context) -> Step:
    """fix:<need> which one then? set:<need>:<leaf> this one; then on to the next unsure need, if any."""
    need_text, _, leaf = rest.partition(":")
    need = _own(need_text, context)
    if need is None or need.status not in LIVE or (action == "set" and leaf not in context.world.catalogue.leaves):
        return Dialogue(dialogue.stage), (say(context, "button.stale"),)
    stage: AnyStage = dialogue.stage
    known = {item.need_id: item for item in stage.needs} if isinstance(stage, Filed) else {}
    if action == "fix":
        others = known[need.need_id].others if need.need_id in known else ()
        choices, question = which(FiledNeed(need.need_id, need.leaf, others), context, exclude=need.leaf)
        return Dialogue(stage, choices), (question,)
    name = context.world.catalogue.leaf_name(leaf, context.world.texts.language)
    where = (need.community, leaf)
    neighbours = context.residents.get(where, 0) - (where in context.own_voices)
    texts = context.world.texts
    text = texts("which.done", name=name, receipt=need.receipt) + _neighbours(where, neighbours, context)
    done = say(context, "literal", text=text)
    effects: tuple[Effect, ...] = (ReassignNeed(need.need_id, leaf), done)
    waiting = {own.need_id for own in context.own_needs if own.status == "asked"} - {need.need_id}
    for item in known.values():
        if item.need_id in waiting:
            choices, question = which(item, context)
            return Dialogue(stage, choices), (*effects, question)
    return Dialogue(stage), effects


def mine(context: Context) -> Say:
    """Everything the resident has said is missing, with status and number."""
    texts, catalogue = context.world.texts, context.world.catalogue
    shown = [need for need in context.own_needs if need.status in LIVE][:MAX_LISTED]
    if not shown:
        return say(context, "mine.none")
    lines = [
        texts(
            "mine.line",
            name=catalogue.leaf_name(need.leaf, texts.language),
            receipt=need.receipt,
            day=need.day,
            status=texts("status." + need.status),
            count=max(need.residents, 1),
        )
        for need in shown
    ]
    return say(context, "literal", text="\n".join([texts("mine.head"), *lines, texts("mine.foot")]))


def withdraw_list(dialogue: Dialogue, context: Context) -> Step:
    """Which need should be taken back?"""
    texts, catalogue = context.world.texts, context.world.catalogue
    shown = [need for need in context.own_needs if need.status in LIVE][:MAX_LISTED]
    if not shown:
        return dialogue, (say(context, "mine.none"),)
    buttons = tuple(
        Button(f"{catalogue.leaf_name(need.leaf, texts.language)} {need.receipt}", f"wd:{need.need_id}")
        for need in shown
    )
    return Dialogue(dialogue.stage, buttons), (say(context, "withdraw.ask", choices=buttons),)
