"""A correction in words: what the buttons of the last receipt do, when the words say enough; otherwise the choices."""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversation.context import Context, OwnNeed
from bot.conversation.effects import Effect
from bot.conversation.needs import LIVE, needs_of, reassign, receipt_lines, which
from bot.conversation.say import say
from bot.conversation.state import Dialogue, Filed, FiledNeed
from domain.catalogue import OTHER_FACILITY
from domain.messages import Button
from domain.reading import Correction, Mention

Step = tuple[Dialogue, tuple[Effect, ...]]


def correct(dialogue: Dialogue, message_id: int, correction: Correction, context: Context) -> Step | None:
    """Corrects a need of the last receipt, or asks which one, or to what; None if the words are not about it.

    What the words deny may be older than the receipt; if it was never recorded, nothing is changed unasked.
    """
    if not isinstance(dialogue.stage, Filed):
        return None
    items = {item.need_id: item for item in dialogue.stage.needs}
    own = [need for need in context.own_needs if need.status in LIVE]
    recorded = [need for need in own if need.need_id in items]
    leaves = {need.leaf for need in recorded}
    instead = [mention for mention in correction.sure_named if mention.leaf not in leaves]
    denied = {mention.leaf for mention in correction.sure_denied}
    if correction.denied and not denied and not correction.named:
        return None
    wrong = [need for need in recorded if need.leaf in denied] or [need for need in own if need.leaf in denied]
    aimed = wrong or recorded
    if not aimed or not (instead or correction.is_denial):
        return None
    if len(aimed) > 1 or (denied and not wrong):
        return _which_wrong(dialogue, aimed, instead, context)
    (need,) = aimed
    if instead:
        return _set(dialogue, need, instead, message_id, context)
    heard = [mention for mention in correction.named if mention.leaf != OTHER_FACILITY]
    nearly = [leaf for mention in heard for leaf in mention.others]
    others = items[need.need_id].others if need.need_id in items else ()
    likely = (*(mention.leaf for mention in heard), *nearly, *others)
    choices, question = which(FiledNeed(need.need_id, need.leaf, likely), context, exclude=need.leaf)
    return Dialogue(dialogue.stage, choices), (question,)


def _set(dialogue: Dialogue, need: OwnNeed, instead: Sequence[Mention], message_id: int, context: Context) -> Step:
    """The need becomes the first that was named, as by its button; the rest is filed beside it."""
    first, *rest = instead
    state, (changed, told, *asked) = reassign(dialogue, "set", f"{need.need_id}:{first.leaf}", context)
    filing, filed = needs_of(message_id, tuple(rest), need.community, context, "chat")
    if not filed or not isinstance(state.stage, Filed):
        return state, (changed, told, *asked)
    head = context.world.texts("receipt.head", name=context.world.city.tree[need.community].name)
    receipt = say(context, "literal", text="\n".join([head, *receipt_lines(filing, context)]))
    stage = Filed((*state.stage.needs, *filed))
    return Dialogue(stage, state.choices), (changed, told, *filing, receipt, *asked)


def _which_wrong(dialogue: Dialogue, aimed: Sequence[OwnNeed], instead: Sequence[Mention], context: Context) -> Step:
    """Which of several is wrong? The answer sets what was named; if nothing clear was, it leads on to the choices."""
    catalogue, texts = context.world.catalogue, context.world.texts
    choices = tuple(
        Button(
            catalogue.leaf_name(need.leaf, texts.language),
            f"set:{need.need_id}:{instead[0].leaf}" if len(instead) == 1 else f"fix:{need.need_id}",
        )
        for need in aimed
    )
    return Dialogue(dialogue.stage, choices), (say(context, "which.wrong", choices=choices),)
