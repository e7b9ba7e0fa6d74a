"""step(state, event, context) -> (state, effects). Pure: the whole dialogue, one transition after the other."""

from __future__ import annotations

from bot.conversation import survey
from bot.conversation.context import CONSENT_VERSION, Context, Meant
from bot.conversation.corrections import correct
from bot.conversation.effects import Effect, Forget, GiveConsent, KeepMessage, SetCommunity, SetSurveys
from bot.conversation.events import Commanded, Event, Invited, Pressed, Said, SentUnsupported
from bot.conversation.needs import (
    answer,
    confirm,
    file_message,
    file_pending,
    is_aside,
    is_filed,
    mine,
    reassign,
    withdraw_list,
)
from bot.conversation.questions import place_label
from bot.conversation.say import say, say_notice, say_welcome
from bot.conversation.state import AskCommunity, AskConsent, Dialogue, Filed, Fresh, Idle, InSurvey, Pending
from bot.conversation.yes import AGREES, DECLINES, HERE, NOT_HERE, says
from domain.messages import Button
from domain.reading import Reading
from surveys import flow

Step = tuple[Dialogue, tuple[Effect, ...]]

IN = "in:"  #: before a community's code: "I live there"
MAX_LISTED = 20
MAX_PENDING = 4  #: messages kept while the community is not known
GREETING_SURE = 0.85  #: asked where they live, people answer "I am from X": that reads much like a greeting
LOOSE = " \t\n\u3000。.!!、,,~~))"  #: what people type around a number or a word


def step(dialogue: Dialogue, event: Event, context: Context) -> Step:
    """The next state and what to do. Never raises; always says one to three messages.

    Emergency comes before everything; then commands and buttons, which mean the same in every stage; then the stage.
    """
    if isinstance(event, Said):
        if event.reading.emergency:
            return _emergency(dialogue, event, context)
        chosen = _chosen(dialogue, event.text)
        if chosen is not None:
            event = Pressed(chosen)
        elif (command := _typed_command(event.text)) is not None:
            event = command
    if isinstance(event, Commanded):
        return _command(dialogue, event, context)
    if not context.consented:
        return _before_consent(dialogue, event, context)
    if isinstance(event, Invited):
        return survey.invite(dialogue, event, context)
    if isinstance(event, Pressed):
        return _pressed(dialogue, event.payload, context)
    if isinstance(event, SentUnsupported):
        return dialogue, (say(context, "unsupported"),)
    return _said(dialogue, event, context)


def _chosen(dialogue: Dialogue, text: str) -> str | None:
    """The payload of the button whose number or label was typed."""
    typed = text.strip(LOOSE)
    if not typed or len(typed) > 40:
        return None
    if (confirmed := _confirmed(dialogue, typed)) is not None:
        return confirmed
    number = flow.number_of(typed)
    if number is not None and 1 <= number <= len(dialogue.choices):
        return dialogue.choices[number - 1].payload
    same = [button for button in dialogue.choices if typed == button.label]
    # "不对" is enough for "不对，改一下", if no other button begins so; a street is not enough for its community
    begun = [button for button in dialogue.choices if len(typed) > 1 and button.label.startswith(typed)]
    found = same or [button for button in begun if not button.payload.startswith(IN)]
    return found[0].payload if len(found) == 1 else None


def _confirmed(dialogue: Dialogue, typed: str) -> str | None:
    """The payload of a yes or no, typed to "do you live in X?"."""
    if not _is_guess_open(dialogue):
        return None
    yes, no = dialogue.choices
    return yes.payload if says(HERE, typed) else no.payload if says(NOT_HERE, typed) else None


def _is_guess_open(dialogue: Dialogue) -> bool:
    """Whether "do you live in X?" was the last thing asked: its two buttons, and no others, were shown."""
    payloads = [button.payload for button in dialogue.choices]
    return len(payloads) == 2 and payloads[0].startswith(IN) and payloads[1] == IN + "other"


def _still_counting(dialogue: Dialogue) -> tuple[Button, ...]:
    """The buttons that count after something else was said: a list's numbers do, a "yes" is then one to that."""
    return () if _is_guess_open(dialogue) else dialogue.choices


#: What people type instead of a command.
WORDS = {
    "帮助": "help",
    "怎么用": "help",
    "我的": "mine",
    "我的诉求": "mine",
    "查询": "mine",
    "撤回": "withdraw",
    "删除我的信息": "forget",
    "删除我的数据": "forget",
    "注销": "forget",
    "取消": "cancel",
    "退出": "cancel",
    "退订": "stop",
    "不再接收": "stop",
    "接收问卷": "surveys",
    "换小区": "community",
    "换社区": "community",
    "help": "help",
    "cancel": "cancel",
    "stop": "stop",
}


def _typed_command(text: str) -> Commanded | None:
    typed = text.strip()
    if typed.startswith(("/", "\uff0f")):
        name, _, argument = typed[1:].partition(" ")
        return Commanded(WORDS.get(name, name.lower()), argument.strip())
    meant = WORDS.get(typed.lower().strip(LOOSE))
    return Commanded(meant) if meant else None


# emergency


def _emergency(dialogue: Dialogue, event: Said, context: Context) -> Step:
    kind = context.world.catalogue.emergency[event.reading.emergency or "fire"]
    local = context.world.contacts.get(kind.local_number_key or "")
    number, advice = kind.spoken(context.world.texts.language)
    lines = [context.world.texts("emergency.answer", number=number, advice=advice)]
    if local:
        lines.append(context.world.texts("emergency.local", number=local))
    lines.append(context.world.texts("emergency.not_a_hotline"))
    effects: list[Effect] = [say(context, "literal", text="\n".join(lines))]
    if context.consented:
        effects.insert(0, KeepMessage(event.message_id, event.text, event.reading, "chat"))
    return Dialogue(dialogue.stage, _still_counting(dialogue)), tuple(effects)


# commands


def _command(dialogue: Dialogue, event: Commanded, context: Context) -> Step:
    if event.name == "start":
        return _start(dialogue, event.argument, context)
    if event.name == "help":
        return dialogue, (say(context, "help", choices=dialogue.choices),)
    if event.name == "privacy":
        return dialogue, (say_notice(context, dialogue.choices),)
    if not context.consented:
        return _before_consent(dialogue, event, context)
    if event.name == "cancel":
        effects: list[Effect] = [*survey.stop(dialogue, context)]
        return Dialogue(Idle()), (*effects, say(context, "cancelled"))
    if event.name == "mine":
        return dialogue, (mine(context),)
    if event.name == "withdraw":
        return withdraw_list(dialogue, context)
    if event.name == "forget":
        buttons = _buttons(context, ("forget.yes", "forget:yes"), ("forget.no", "forget:no"))
        return Dialogue(dialogue.stage, buttons), (say(context, "forget.ask", choices=buttons),)
    if event.name == "stop":
        return Dialogue(Idle()), (*survey.stop(dialogue, context), SetSurveys(False), say(context, "surveys.off"))
    if event.name == "surveys":
        return dialogue, (SetSurveys(True), say(context, "surveys.on", choices=dialogue.choices))
    if event.name == "community":
        return _ask_other_community(dialogue, context, "community.ask")
    return dialogue, (say(context, "command.unknown", name=event.name[:20], choices=dialogue.choices),)


def _start(dialogue: Dialogue, argument: str, context: Context) -> Step:
    community = _deep_link(argument, context)
    if not context.consented:
        return _notice(context, community)
    if community and (community != context.community or _pending(dialogue)):
        return _in_community(dialogue, community, context)
    if context.community is None or _pending(dialogue):
        return _ask_community(context, _pending(dialogue), "community.ask")
    return _back(dialogue, (say_welcome(context, context.community),), context)


def _pending(dialogue: Dialogue) -> tuple[Pending, ...]:
    return dialogue.stage.pending if isinstance(dialogue.stage, AskCommunity) else ()


def _back(dialogue: Dialogue, effects: tuple[Effect, ...], context: Context) -> Step:
    """After something said in between: back to the question that was open, or to being ready for anything."""
    if isinstance(dialogue.stage, InSurvey):
        state, more = survey.ask_again(dialogue, dialogue.stage, context)
        return state, (*effects, *more)
    if isinstance(dialogue.stage, AskCommunity):
        state, more = _ask_community(context, dialogue.stage.pending, "community.ask")
        return state, (*effects, *more)
    return Dialogue(_open_receipt(dialogue)), effects


def _open_receipt(dialogue: Dialogue) -> Filed | Idle:
    """The last receipt, which can still be corrected in words, if there is one."""
    return dialogue.stage if isinstance(dialogue.stage, Filed) else Idle()


def _deep_link(argument: str, context: Context) -> str | None:
    """`c-P05-01` or `P05-01` names a community; anything else is ignored."""
    code = argument.removeprefix("c-").removeprefix("c_")
    tree = context.world.city.tree
    return code if code in tree and tree[code].kind == "community" else None


# consent


def _notice(context: Context, community: str | None) -> Step:
    buttons = _buttons(context, ("consent.yes", "consent:yes"), ("consent.no", "consent:no"))
    return (
        Dialogue(AskConsent(community), buttons),
        (say_notice(context, buttons),),
    )


def _before_consent(dialogue: Dialogue, event: Event, context: Context) -> Step:
    stage = dialogue.stage
    answer = ""
    if isinstance(event, Pressed):
        answer = event.payload
    elif isinstance(event, Said):
        answer = "consent:yes" if says(AGREES, event.text) else "consent:no" if says(DECLINES, event.text) else ""
    if not isinstance(stage, AskConsent):
        # a "yes" counts only for a notice that was shown
        return _notice(context, None)
    if answer == "consent:yes":
        agreed = GiveConsent(CONSENT_VERSION)
        if stage.community:
            name = context.world.city.tree[stage.community].name
            return Dialogue(Idle()), (
                agreed,
                SetCommunity(stage.community),
                say(context, "consent.thanks_community", name=name),
            )
        state, effects = _ask_community(context, (), "consent.thanks")
        return state, (agreed, *effects)
    if answer == "consent:no" or (isinstance(event, Commanded) and event.name in ("cancel", "forget", "stop")):
        return Dialogue(Fresh()), (say(context, "consent.declined"),)
    if isinstance(event, Said):
        buttons = _buttons(context, ("consent.yes", "consent:yes"), ("consent.no", "consent:no"))
        return Dialogue(stage, buttons), (say(context, "consent.first", choices=buttons),)
    return _notice(context, stage.community)


# community


def _ask_community(context: Context, pending: tuple[Pending, ...], key: str, codes: tuple[str, ...] = ()) -> Step:
    """Which community? `codes` are guesses to choose from; a single one is asked about by name."""
    texts, tree = context.world.texts, context.world.city.tree
    if len(codes) == 1:
        (guess,) = codes
        name = place_label(context, guess)
        choices = _buttons(context, ("community.yes", IN + guess), ("community.no", IN + "other"), name=name)
        key = "community.is_it_kept" if pending else "community.is_it"
        return Dialogue(AskCommunity(pending), choices), (say(context, key, choices=choices, name=name),)
    areas = [tree[code] for code in codes] or tree.all_communities
    choices = tuple(
        Button(place_label(context, area.code) if area.circle_scale == 15 or codes else area.name, IN + area.code)
        for area in areas[:MAX_LISTED]
    )
    if codes:
        choices = (*choices, Button(texts("community.none"), IN + "other"))
    return Dialogue(AskCommunity(pending), choices), (say(context, key, choices=choices),)


def _ask_other_community(dialogue: Dialogue, context: Context, key: str, codes: tuple[str, ...] = ()) -> Step:
    """As `_ask_community`, for somebody who may be in the middle of a survey, which then waits."""
    asking, effects = _ask_community(context, _pending(dialogue), key, codes)
    if isinstance(dialogue.stage, InSurvey):
        asking = Dialogue(dialogue.stage, asking.choices)
    return asking, effects


def _in_community(dialogue: Dialogue, code: str, context: Context) -> Step:
    name = context.world.city.tree[code].name
    stage = dialogue.stage
    if isinstance(stage, AskCommunity) and stage.pending:
        state, effects = file_pending(stage.pending, code, context)
        return state, (SetCommunity(code), *effects)
    if isinstance(stage, InSurvey):
        state, effects = survey.ask_again(dialogue, stage, context)
        return state, (SetCommunity(code), *effects)
    return Dialogue(Idle()), (SetCommunity(code), say(context, "community.set", name=name))


# buttons


def _pressed(dialogue: Dialogue, payload: str, context: Context) -> Step:
    action, _, rest = payload.partition(":")
    if action == "in" and (community := _deep_link(rest, context)):
        return _in_community(dialogue, community, context)
    if action == "in" and rest == "other":
        return _command(dialogue, Commanded("community"), context)
    if action == "forget":
        if rest == "yes":
            return Dialogue(Fresh()), (Forget(), say(context, "forget.done"))
        return _back(dialogue, (say(context, "forget.kept"),), context)
    if action in ("ok", "no", "drop", "wd"):
        return _back(dialogue, confirm(action, rest, context), context)
    if action in ("fix", "set"):
        state, effects = reassign(dialogue, action, rest, context)
        return (state, effects) if state.choices else _back(dialogue, effects, context)
    if action == "sv":
        return survey.pressed(dialogue, rest, context)
    if action == "go" and rest in ("mine", "withdraw", "forget", "help"):
        return _command(dialogue, Commanded(rest), context)
    if action == "consent":
        return dialogue, (say(context, "consent.already"),)
    return dialogue, (say(context, "button.stale"),)


# free text


def _said(dialogue: Dialogue, event: Said, context: Context) -> Step:
    stage = dialogue.stage
    if isinstance(stage, InSurvey):
        asked = any(button.payload.startswith(IN) for button in dialogue.choices)
        meant = context.world.match_community(event.text) if asked and event.is_name else Meant()
        if meant.sure:
            return _in_community(dialogue, meant.sure, context)
        if meant.possible:
            return _ask_other_community(dialogue, context, "community.which", meant.possible)
        return survey.said(dialogue, stage, event, context)
    if isinstance(stage, AskCommunity) or context.community is None:
        return _where(dialogue, event, context)
    typed = event.text.strip(LOOSE)
    if typed.isdecimal() or flow.number_of(typed) is not None:
        return dialogue, (say(context, "number.nothing", choices=dialogue.choices),)
    reading = event.reading
    keep = KeepMessage(event.message_id, event.text, reading, "chat")
    if elsewhere := _lives_elsewhere(dialogue, event, context):
        state, effects = elsewhere
        return state, (keep, *effects)
    if reading.correction and (corrected := correct(dialogue, event.message_id, reading.correction, context)):
        state, effects = corrected
        return state, (keep, *effects)
    state, effects = file_message(event.message_id, reading, context.community, context)
    if isinstance(state.stage, Idle) and not reading.mentions:  # small talk
        state = Dialogue(_open_receipt(dialogue), state.choices)
    return state, (keep, *effects)


def _lives_elsewhere(dialogue: Dialogue, event: Said, context: Context) -> Step | None:
    """ "不对，我住堤岭": offers to change the community after a receipt; None for a text that names no other one."""
    reading = event.reading
    is_about_it = reading.correction is not None or (event.is_name and not is_aside(reading))
    if context.community is None or not isinstance(dialogue.stage, Filed) or not is_about_it:
        return None
    named = context.world.match_community(event.text).sure
    if named is None or named == context.community:
        return None
    pending = (Pending(event.message_id, reading),) if reading.needs else ()
    state, asked = _ask_community(context, pending, "community.ask", (named,))
    return state, (say(context, "community.stays", name=context.world.city.tree[context.community].name), *asked)


def _where(dialogue: Dialogue, event: Said, context: Context) -> Step:
    """A text while the community is unknown: its name; or what is filed as soon as we know; or what needs no place."""
    pending, reading = _pending(dialogue), event.reading
    meant = context.world.match_community(event.text)
    if meant.sure and (event.is_name or not reading.mentions):
        return _in_community(dialogue, meant.sure, context)
    keep = KeepMessage(event.message_id, event.text, reading, "chat")
    if is_filed(reading) or meant.sure:
        pending = (*pending, Pending(event.message_id, reading))[-MAX_PENDING:]
        if meant.sure:
            state, effects = _in_community(Dialogue(AskCommunity(pending)), meant.sure, context)
        else:
            state, effects = _ask_community(context, pending, "community.ask_kept", meant.possible)
        return state, (keep, *effects)
    if not (meant.possible and event.is_name) and _is_no_place(dialogue, reading):
        choices, answered = answer(reading, context)
        if not pending:
            return Dialogue(dialogue.stage, choices or _still_counting(dialogue)), (keep, answered)
        state, effects = _ask_community(context, pending, "community.ask_kept")
        return state, (keep, answered, *effects)
    return _ask_community(
        context, pending, "community.which" if meant.possible else "community.not_found", meant.possible
    )


def _is_no_place(dialogue: Dialogue, reading: Reading) -> bool:
    """Whether a text was not meant to name a community: none was asked for, or it clearly says something else."""
    is_greeting = reading.intent == "greeting_chitchat" and reading.intent_p >= GREETING_SURE
    says_else = bool(reading.mentions) or is_greeting or is_aside(reading)
    return says_else or not isinstance(dialogue.stage, AskCommunity)


def _buttons(context: Context, *pairs: tuple[str, str], **params: object) -> tuple[Button, ...]:
    return tuple(Button(context.world.texts(key, **params), payload) for key, payload in pairs)


__all__ = ["Filed", "step"]
