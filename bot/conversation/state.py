"""Where a dialogue can stand: stages named by what we wait for, frozen and small."""

from __future__ import annotations

import msgspec

from domain.messages import Button
from domain.reading import Reading


class Stage(msgspec.Struct, frozen=True, tag=True, gc=False):
    """One place in the dialogue."""


class Fresh(Stage, frozen=True):
    """Nothing is known and nothing was agreed to."""


class AskConsent(Stage, frozen=True):
    """The privacy notice was shown. `community`: from the deep link that brought the resident here."""

    community: str | None = None


class Pending(msgspec.Struct, frozen=True, gc=False):
    """A message that was kept but cannot be filed before the community is known."""

    message_id: int
    reading: Reading


class AskCommunity(Stage, frozen=True):
    """Which community? What is `pending` is filed as soon as we know."""

    pending: tuple[Pending, ...] = ()


class Idle(Stage, frozen=True):
    """Ready for anything."""


class FiledNeed(msgspec.Struct, frozen=True, gc=False):
    """A need of the last receipt, with the next best readings of it."""

    need_id: int
    leaf: str
    others: tuple[str, ...]


class Filed(Stage, frozen=True):
    """A receipt was given; right or wrong can still be said about its needs."""

    needs: tuple[FiledNeed, ...]


class InSurvey(Stage, frozen=True):
    """A question was asked. `answers`: JSON-able value by question id, so far.

    `draft`: picked at this visit of a multiple choice. `needs`: ids of the needs filed from an answer, by question.
    `waiting`: campaigns (id, survey) that invited meanwhile and are offered at the end.
    """

    campaign_id: int
    survey: str
    question: str
    answers: dict[str, object] = {}
    draft: tuple[str, ...] = ()
    needs: dict[str, tuple[int, ...]] = {}
    waiting: tuple[tuple[int, str], ...] = ()


AnyStage = Fresh | AskConsent | AskCommunity | Idle | Filed | InSurvey


class Dialogue(msgspec.Struct, frozen=True, gc=False):
    """The stage, and the buttons last shown: typing a button's number or label presses it, in every channel."""

    stage: AnyStage = Fresh()
    choices: tuple[Button, ...] = ()
