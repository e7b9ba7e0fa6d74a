"""One resident's side of a conversation on the real service."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
from sqlalchemy import text

from bot import campaigns
from bot.conversation import decode
from bot.conversation.state import Dialogue, InSurvey
from bot.service import ALL, Received, Service
from domain.messages import Button, Inbound, Outbound
from tests.builders import COMMUNITY, NOW_MS, an_inbound

HOURS = SimpleNamespace(quiet_from="21:00", quiet_until="08:30")
SECOND_MS = 1000


class Talk:
    """What a resident does, and what the database then holds."""

    def __init__(self, service: Service, user: str = "u1", community: str = COMMUNITY, now_ms: int = NOW_MS) -> None:
        self.service = service
        self.user = user
        self.now_ms = now_ms
        self.replies: tuple[Outbound, ...] = ()
        self.do(command="start", argument=f"c-{community}")
        self.say("同意")

    def do(self, **event: object) -> tuple[Outbound, ...]:
        """Any event; its replies."""
        inbound = an_inbound(user=self.user, at_ms=self.now_ms, channel="webchat", **event)  # type: ignore[arg-type]
        return self.receive(inbound)

    def receive(self, inbound: Inbound) -> tuple[Outbound, ...]:
        """One event, perhaps once more."""
        handled = self.service.handle_many([Received(inbound, ALL)], self.now_ms)[0]
        assert not handled.failed
        assert 1 <= len(handled.replies) <= 3
        self.replies = handled.replies
        return self.replies

    def say(self, *texts: str) -> str:
        """Writes one text after the other; the last reply as one text."""
        for typed in texts:
            self.do(text=typed)
        return self.last

    def press(self, label: str) -> str:
        """Presses a button of the last reply by a part of its label."""
        self.do(button=self.button(label).payload)
        return self.last

    def button(self, label: str) -> Button:
        """A button of the last reply."""
        return next(button for button in self.buttons if label in button.label)

    @property
    def buttons(self) -> list[Button]:
        """All buttons of the last reply."""
        return [button for reply in self.replies for button in reply.buttons]

    @property
    def last(self) -> str:
        """The last reply."""
        return "\n".join(reply.text for reply in self.replies)

    @property
    def dialogue(self) -> Dialogue:
        """Where the dialogue stands."""
        found = decode(self.row("SELECT state FROM conversation ORDER BY updated_ms DESC LIMIT 1"))  # type: ignore[arg-type]
        assert found is not None
        return found

    @property
    def question(self) -> str:
        """The question being asked; empty outside a survey."""
        stage = self.dialogue.stage
        return stage.question if isinstance(stage, InSurvey) else ""

    def rows(self, query: str, **params: object) -> list[tuple[object, ...]]:
        """What a query finds."""
        with self.service.database.transaction() as tx:
            return [tuple(row) for row in tx.execute(text(query), params)]

    def row(self, query: str) -> object:
        """One value."""
        return self.rows(query)[0][0]

    @property
    def answers(self) -> dict[str, object]:
        """Recorded answers."""
        found = self.rows("SELECT question, value FROM answer")
        return {str(question): msgspec.json.decode(str(value)) for question, value in found}

    @property
    def needs(self) -> list[tuple[object, ...]]:
        """(leaf, source, status) of every need, in order."""
        return self.rows("SELECT leaf, source, status FROM need ORDER BY at_ms, id")

    @property
    def voices(self) -> int:
        """Voices counted in the demand table."""
        return int(str(self.row("SELECT COALESCE(SUM(voices), 0) FROM demand")))

    def status(self) -> object:
        """The invitation's status."""
        return self.row("SELECT status FROM invitation")

    def push(self, survey: str = "resident_form", area: str = "DZ", at: str | None = None) -> int:
        """A campaign; its id."""
        service = self.service
        made = campaigns.push(service.database, service.world, survey, area, at, self.now_ms)
        return int(str(made["campaign"]))

    def tick(self, owner: str = "a") -> int:
        """A clock tick a slot later."""
        self.now_ms += campaigns.SLOT_MS
        return campaigns.tick(self.service, HOURS, owner, self.now_ms)

    def invited(self) -> list[Outbound]:
        """The pushes waiting in the outbox, in order."""
        bodies = self.rows("SELECT body FROM outbox WHERE kind = 'push' ORDER BY created_ms, id")
        return [msgspec.json.decode(body[0], type=Outbound) for body in bodies]  # type: ignore[arg-type]

    def begin(self) -> None:
        """Invited, and started."""
        self.push()
        assert self.tick() == 1
        self.say("1")
        assert self.question == "place"
