"""What a step asks for, in the imperative. Applied in the transaction by `bot.apply`, in order."""

from __future__ import annotations

import msgspec

from domain.messages import Outbound
from domain.reading import Mention, Reading


class Effect(msgspec.Struct, frozen=True, gc=False):
    """One thing to do."""


class Say(Effect, frozen=True):
    """Send one message."""

    outbound: Outbound


class GiveConsent(Effect, frozen=True):
    """The resident agreed to the privacy notice of this version."""

    version: str


class SetCommunity(Effect, frozen=True):
    """The resident lives there. Needs already filed stay where they were filed."""

    code: str


class KeepMessage(Effect, frozen=True):
    """Keep the message: the original encrypted, the masked text beside its reading."""

    message_id: int
    text: str
    reading: Reading
    source: str


class FileNeed(Effect, frozen=True):
    """Record one need. Only status `filed` counts; `asked` waits for the resident or a worker."""

    need_id: int
    receipt: str
    message_id: int
    mention: Mention
    status: str
    source: str
    community: str


class FileRemark(Effect, frozen=True):
    """Keep a fault, complaint or objection beside the demand."""

    message_id: int
    mention: Mention
    intent: str
    community: str


class ConfirmNeeds(Effect, frozen=True):
    """The resident said these were read rightly."""

    need_ids: tuple[int, ...]


class ReassignNeed(Effect, frozen=True):
    """The resident chose another facility: the counters move, the choice becomes a label."""

    need_id: int
    leaf: str


class RetractNeed(Effect, frozen=True):
    """Take a need back: `withdrawn` by its owner, or `rejected` as a misreading."""

    need_id: int
    status: str


class SetSurveys(Effect, frozen=True):
    """Wants surveys, or no longer."""

    wanted: bool


class RecordAnswer(Effect, frozen=True):
    """Keep an answer; `value` None takes it back."""

    campaign_id: int
    question: str
    value: object


class MarkInvitation(Effect, frozen=True):
    """An invitation was started, finished or stopped."""

    campaign_id: int
    status: str


class Forget(Effect, frozen=True):
    """Erase the resident: messages, needs, voices, answers, identities. Counters fall by exactly their share."""
