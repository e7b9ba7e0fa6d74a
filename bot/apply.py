"""Effect -> rows on the message's page, one short function per effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from bot.conversation import effects as e
from domain.judgement import NEED
from domain.messages import Outbound
from storage import book as b
from storage.ids import new_id
from storage.vault import Vault


@dataclass(slots=True)
class Turn:
    """One message on its way into the database."""

    book: b.Book
    page: b.Page
    person: b.Person
    standing: b.Standing
    now_ms: int
    at_ms: int  #: when the resident wrote; the day it counts for
    day: str
    vault: Vault
    says: list[Outbound] = field(default_factory=list)
    forgotten: bool = False


def apply(effect: e.Effect, turn: Turn) -> None:
    """Carries out one effect."""
    APPLY[type(effect)](effect, turn)


def _say(effect: e.Say, turn: Turn) -> None:
    turn.says.append(effect.outbound)


def _resident(turn: Turn, **columns: object) -> None:
    turn.page.updates.append((b.RESIDENT, (turn.person.resident_id,), columns))


def _give_consent(effect: e.GiveConsent, turn: Turn) -> None:
    turn.person.consented = True
    _resident(turn, consent_version=effect.version, consent_ms=turn.now_ms)


def _set_community(effect: e.SetCommunity, turn: Turn) -> None:
    turn.person.community = effect.code
    _resident(turn, community=effect.code)


def _set_surveys(effect: e.SetSurveys, turn: Turn) -> None:
    _resident(turn, opted_out=not effect.wanted)


def _keep_message(effect: e.KeepMessage, turn: Turn) -> None:
    reading = effect.reading
    turn.page.inserts.append(
        (
            b.MESSAGE,
            {
                "id": effect.message_id,
                "resident_id": turn.person.resident_id,
                "at_ms": turn.at_ms,
                "community": turn.person.community,
                "source": effect.source,
                "original": turn.vault.seal(effect.text),
                "masked": reading.masked,
                "intent": reading.intent,
                "intent_p": reading.intent_p,
                "emergency": reading.emergency,
                "model": reading.model,
            },
        )
    )


def _file_need(effect: e.FileNeed, turn: Turn) -> None:
    mention = effect.mention
    need = b.LiveNeed(
        effect.need_id,
        effect.receipt,
        effect.message_id,
        mention.leaf,
        mention.nature,
        effect.status,
        effect.community,
        turn.day,
        turn.at_ms,
        None,
    )
    if effect.status == "filed":
        b.file_need(turn.page, turn.standing, turn.person.resident_id, need, new_id(turn.now_ms))
    turn.standing.needs[need.need_id] = need
    turn.page.inserts.append(
        (
            b.NEED,
            {
                "id": need.need_id,
                "receipt": need.receipt,
                "message_id": effect.message_id,
                "resident_id": turn.person.resident_id,
                "community": need.community,
                "leaf": need.leaf,
                "nature": need.nature,
                "p": mention.p,
                "span_start": mention.start,
                "span_end": mention.end,
                "status": need.status,
                "confirmed_by": None,
                "source": effect.source,
                "day": need.day,
                "at_ms": need.at_ms,
                "voice_id": need.voice_id,
            },
        )
    )


def _file_remark(effect: e.FileRemark, turn: Turn) -> None:
    turn.page.count(effect.community, effect.mention.leaf, turn.day, b.REMARK_COUNTER[effect.intent], 1)
    turn.page.inserts.append(
        (
            b.REMARK,
            {
                "id": new_id(turn.now_ms),
                "message_id": effect.message_id,
                "resident_id": turn.person.resident_id,
                "community": effect.community,
                "leaf": effect.mention.leaf,
                "intent": effect.intent,
                "p": effect.mention.p,
                "day": turn.day,
                "at_ms": turn.at_ms,
            },
        )
    )


def _confirm(effect: e.ConfirmNeeds, turn: Turn) -> None:
    for need_id in effect.need_ids:
        need = turn.standing.needs[need_id]
        label_need(turn.page, need, need.leaf, "resident", turn.person.resident_id, turn.now_ms)
        change_need(turn.page, turn.standing, turn.person.resident_id, need, need.leaf, "resident", turn.now_ms)


def _reassign(effect: e.ReassignNeed, turn: Turn) -> None:
    need = turn.standing.needs[effect.need_id]
    label_need(turn.page, need, effect.leaf, "resident", turn.person.resident_id, turn.now_ms)
    change_need(turn.page, turn.standing, turn.person.resident_id, need, effect.leaf, "resident", turn.now_ms)


def label_need(
    page: b.Page,
    need: b.LiveNeed,
    leaf: str | None,
    role: str,
    by_id: int,
    now_ms: int,
    intent: str | None = NEED,
) -> None:
    """Keeps somebody's judgement for the next training; no `intent`: it is no such need, and nobody said what."""
    page.inserts.append(
        (
            b.LABEL,
            {
                "id": new_id(now_ms),
                "need_id": need.need_id,
                "by_role": role,
                "by_id": by_id,
                "old_leaf": need.leaf,
                "new_leaf": leaf,
                "intent": intent,
                "at_ms": now_ms,
            },
        )
    )


def change_need(
    page: b.Page, standing: b.Standing, resident_id: int, need: b.LiveNeed, leaf: str, role: str, now_ms: int
) -> None:
    """Sets a need's facility by somebody's word; it is filed from now on and the counters move exactly."""
    if leaf != need.leaf or need.status != "filed":
        b.unfile_need(page, standing, need)
        need.leaf = leaf
        b.file_need(page, standing, resident_id, need, new_id(now_ms))
    page.updates.append(
        (
            b.NEED,
            (need.need_id,),
            {"leaf": need.leaf, "status": need.status, "voice_id": need.voice_id, "confirmed_by": role},
        )
    )


def retract_need(page: b.Page, standing: b.Standing, need: b.LiveNeed, status: str, role: str) -> None:
    """Takes a need out of the count by somebody's word."""
    b.unfile_need(page, standing, need)
    need.status = status
    del standing.needs[need.need_id]
    page.updates.append((b.NEED, (need.need_id,), {"status": status, "voice_id": None, "confirmed_by": role}))


def _retract(effect: e.RetractNeed, turn: Turn) -> None:
    need = turn.standing.needs[effect.need_id]
    if effect.status == "rejected":  # what is withdrawn was read rightly: it says nothing of the reader
        label_need(turn.page, need, None, "resident", turn.person.resident_id, turn.now_ms, None)
    retract_need(turn.page, turn.standing, need, effect.status, "resident")


def _record_answer(effect: e.RecordAnswer, turn: Turn) -> None:
    key = (effect.campaign_id, turn.person.resident_id, effect.question)
    if effect.value is None:
        turn.page.deletes.append((b.ANSWER, key))
        return
    turn.page.inserts.append(
        (
            b.ANSWER,
            {
                "campaign_id": effect.campaign_id,
                "resident_id": turn.person.resident_id,
                "question": effect.question,
                "value": msgspec.json.encode(effect.value).decode(),
                "at_ms": turn.now_ms,
            },
        )
    )


def _mark_invitation(effect: e.MarkInvitation, turn: Turn) -> None:
    if effect.status != "invited":
        # only an invitation that was made can move on: nobody joins by a forged button, and `at_ms` stays its time
        key = (effect.campaign_id, turn.person.resident_id)
        turn.page.updates.append((b.INVITATION, key, {"status": effect.status}))
        return
    turn.page.inserts.append(
        (
            b.INVITATION,
            {
                "campaign_id": effect.campaign_id,
                "resident_id": turn.person.resident_id,
                "status": effect.status,
                "at_ms": turn.now_ms,
            },
        )
    )


def _forget(_: e.Forget, turn: Turn) -> None:
    turn.book.forget(turn.page, turn.person.resident_id, turn.standing)
    turn.forgotten = True


APPLY: dict[type[e.Effect], Callable[..., None]] = {
    e.Say: _say,
    e.GiveConsent: _give_consent,
    e.SetCommunity: _set_community,
    e.SetSurveys: _set_surveys,
    e.KeepMessage: _keep_message,
    e.FileNeed: _file_need,
    e.FileRemark: _file_remark,
    e.ConfirmNeeds: _confirm,
    e.ReassignNeed: _reassign,
    e.RetractNeed: _retract,
    e.RecordAnswer: _record_answer,
    e.MarkInvitation: _mark_invitation,
    e.Forget: _forget,
}

__all__ = ["Turn", "apply", "change_need", "label_need", "retract_need"]
