"""A second, simple account of what residents did: plain Python, no database, nothing shared with the product.

It takes the same events as the service and knows what must be in the tables afterwards. Needs are known by (number of
the message's event, place in the message), since their ids are the service's own.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from domain.messages import Inbound
from tests.builders import INTENTS, WORDS, an_inbound

WINDOW_MS = 30 * 86_400_000
NeedKey = tuple[int, int]
REMARKS = {"反对": "objections", "坏了": "faults", "态度": "complaints"}
COMMUNITIES = ("P05-01", "P05-02", "P05-03")


def day_in_dezhou(at_ms: int) -> str:
    """The date eight hours east of Greenwich."""
    return (datetime.fromtimestamp(at_ms / 1000, UTC) + timedelta(hours=8)).date().isoformat()


@dataclass
class ANeed:
    """A need as the model sees it."""

    key: NeedKey
    leaf: str
    status: str
    community: str
    at_ms: int


@dataclass
class AVoice:
    """Needs of one resident about one facility in one community that count once."""

    first_ms: int
    needs: set[NeedKey] = field(default_factory=set)


@dataclass
class AResident:
    """What is known of one person."""

    stage: str = "fresh"  #: fresh, asked, where, idle
    link: str | None = None
    pending: list[tuple[int, str]] = field(default_factory=list)
    consented: bool = False
    community: str | None = None
    needs: dict[NeedKey, ANeed] = field(default_factory=dict)
    voices: dict[tuple[str, str], list[AVoice]] = field(default_factory=dict)
    remarks: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    messages: set[int] = field(default_factory=set)
    turns: int = 0


class Model:
    """All residents, and every event ever accepted."""

    def __init__(self) -> None:
        self.residents: dict[str, AResident] = {}
        self.accepted: set[str] = set()
        self.failed: set[str] = set()
        self.needs: dict[str, NeedKey] = {}  #: the service's id of a need -> ours
        self.need_ids: dict[NeedKey, str] = {}
        self.messages: dict[str, int] = {}  #: the service's id of a message -> number of its event
        self.message_ids: dict[int, str] = {}

    def learn(self, number: int, place: int, message_id: int, need_id: int) -> None:
        """The ids the service gave, as its buttons carry them."""
        self.needs[str(need_id)], self.need_ids[number, place] = (number, place), str(need_id)
        self.messages[str(message_id)], self.message_ids[number] = number, str(message_id)

    def take(self, event: Inbound, carry: int, now_ms: int) -> bool:
        """One delivery; False when it was accepted before."""
        if event.external_id in self.accepted:
            return False
        self.accepted.add(event.external_id)
        if event.text is not None and "炸" in event.text:
            self.failed.add(event.external_id)
            return True
        who = self.residents.setdefault(event.user, AResident())
        who.turns += 1
        at_ms = min(event.at_ms, now_ms)
        if event.command is not None:
            self._command(who, event.command, event.argument, at_ms)
        elif event.text is not None:
            self._text(who, event, event.text, at_ms)
        elif event.button is not None and self._button(who, event.button, at_ms):
            self.residents.pop(event.user)
            if carry == 0:  # the last word still has to find its way
                self.residents[event.user] = AResident()
        elif event.unsupported is not None:
            self._show_notice(who)
        return True

    def _show_notice(self, who: AResident) -> None:
        if not who.consented and who.stage != "asked":
            who.stage, who.link = "asked", None

    def _command(self, who: AResident, name: str, argument: str, at_ms: int) -> None:
        code = argument.removeprefix("c-") or None
        if not who.consented:
            if name == "start":
                who.stage, who.link = "asked", code
            else:
                self._show_notice(who)
        elif name == "start":
            if code and (code != who.community or who.pending):
                self._settle(who, code, at_ms)
            elif who.community is None or who.pending:
                who.stage = "where"

    def _settle(self, who: AResident, code: str, at_ms: int) -> None:
        pending, who.pending, who.stage, who.community = who.pending, [], "idle", code
        for number, text in pending:  # they count from when their place is known
            self._report(who, number, text, at_ms, code)

    def _text(self, who: AResident, event: Inbound, text: str, at_ms: int) -> None:
        number = int(event.external_id)
        if not who.consented:
            if who.stage != "asked":
                self._show_notice(who)
            elif text == "同意":
                who.consented, who.community = True, who.link
                who.stage = "idle" if who.link else "where"
        elif who.stage == "where" or who.community is None:
            names_something = any(word in text for word in WORDS)
            if names_something or who.stage != "where" or any(word in text for word in REMARKS):
                who.messages.add(number)
            if who.stage != "where":
                who.pending = []
            if names_something:
                who.pending = [*who.pending, (number, text)][-4:]
            who.stage = "where"
        else:
            who.messages.add(number)
            who.stage = "idle"
            self._report(who, number, text, at_ms, who.community)

    def _report(self, who: AResident, number: int, text: str, at_ms: int, community: str) -> None:
        found = [(word, *WORDS[word]) for word in WORDS if word in text][:3]
        intent = next((word for word in INTENTS if word in text), None)
        if intent in REMARKS:
            day = day_in_dezhou(at_ms)
            who.remarks.update((community, leaf, day, REMARKS[intent]) for _, leaf, _ in found)
        elif intent is None:
            for place, (_, leaf, p) in enumerate(found):
                need = ANeed((number, place), leaf, "asked", community, at_ms)
                who.needs[need.key] = need
                if p >= 0.6:
                    self._file(who, need)

    def _file(self, who: AResident, need: ANeed) -> None:
        need.status = "filed"
        voices = who.voices.setdefault((need.community, need.leaf), [])
        if not voices or need.at_ms - voices[-1].first_ms >= WINDOW_MS:
            voices.append(AVoice(need.at_ms))
        voices[-1].needs.add(need.key)

    def _unfile(self, who: AResident, need: ANeed) -> None:
        voices = who.voices.get((need.community, need.leaf), [])
        for voice in voices:
            voice.needs.discard(need.key)
        voices[:] = [voice for voice in voices if voice.needs]

    def _button(self, who: AResident, payload: str, at_ms: int) -> bool:
        """True when the resident is forgotten."""
        if not who.consented:
            self._show_notice(who)
            return False
        action, _, rest = payload.partition(":")
        if action == "forget":
            return True
        if action == "in":
            self._settle(who, rest, at_ms)
            return False
        if action in ("ok", "no"):
            needs = [need for need in who.needs.values() if need.key[0] == self.messages[rest]]
        else:
            need_id, _, leaf = rest.partition(":")
            needs = [need for need in who.needs.values() if need.key == self.needs[need_id]]
        if who.stage != "where":
            who.stage = "idle"
        for need in [need for need in needs if need.status in ("filed", "asked")]:
            if action == "set" and (leaf != need.leaf or need.status != "filed"):
                self._unfile(who, need)
                need.leaf = leaf
                self._file(who, need)
            elif action == "ok" and need.status == "asked":
                self._file(who, need)
            elif action in ("no", "drop", "wd"):
                self._unfile(who, need)
                need.status = "withdrawn" if action == "wd" else "rejected"
        return False

    # what must be in the tables

    def demand(self) -> dict[tuple[str, str, str, str], int]:
        """(community, leaf, day, counter) -> how many."""
        found: Counter[tuple[str, str, str, str]] = Counter()
        for who in self.residents.values():
            found.update(who.remarks)
            found.update(
                (n.community, n.leaf, day_in_dezhou(n.at_ms), "needs")
                for n in who.needs.values()
                if n.status == "filed"
            )
            for (community, leaf), voices in who.voices.items():
                found.update((community, leaf, day_in_dezhou(voice.first_ms), "voices") for voice in voices)
        return dict(found)

    def totals(self) -> dict[tuple[str, str], int]:
        """(community, leaf) -> distinct residents."""
        return dict(Counter(place for who in self.residents.values() for place, voices in who.voices.items() if voices))


class Players:
    """Makes events at random: joining, asking, correcting, withdrawing, leaving; also late and again."""

    def __init__(self, seed: int, users: int) -> None:
        self._random = random.Random(seed)
        self._users = [f"u{number}" for number in range(users)]
        self._sent: list[Inbound] = []
        self._number = 0

    def batch(self, model: Model, size: int, now_ms: int) -> list[tuple[Inbound, int]]:
        """(event, carry) of one delivery; about one in six is a repeat of an earlier one."""
        made = []
        for _ in range(size):
            if self._sent and self._random.random() < 0.16:
                recent = self._random.random() < 0.7
                event = self._random.choice(self._sent[-50:] if recent else self._sent)
            else:
                event = self._event(model, now_ms)
                self._sent.append(event)
            made.append((event, int(event.external_id) % 2 * 99))  # a channel carries replies or it does not
        self._random.shuffle(made)
        return made

    def _event(self, model: Model, now_ms: int) -> Inbound:
        self._number += 1
        chance = self._random
        user = chance.choice(self._users)
        at_ms = now_ms - (chance.randrange(2 * 86_400_000) if chance.random() < 0.2 else chance.randrange(5_000))
        who = model.residents.get(user)
        roll = chance.random()
        text = button = command = unsupported = None
        argument = ""
        if who is None or (not who.consented and roll < 0.8):
            if who is not None and who.stage == "asked":
                text = "同意"
            else:
                command, argument = "start", f"c-{chance.choice(COMMUNITIES)}" if chance.random() < 0.8 else ""
        elif roll < 0.55:
            text = self._text(self._number)
        elif roll < 0.85:
            button = self._button(model, who)
        elif roll < 0.90:
            command, argument = chance.choice(
                [("start", ""), ("mine", ""), ("start", "c-" + chance.choice(COMMUNITIES))]
            )
        elif roll < 0.91:
            button = "forget:yes"
        elif roll < 0.92:
            unsupported = "photo"
        else:
            button = f"in:{chance.choice(COMMUNITIES)}"
        return an_inbound(
            text,
            user=user,
            n=self._number,
            button=button,
            command=command,
            argument=argument,
            unsupported=unsupported,
            at_ms=at_ms,
        )

    def _text(self, number: int) -> str:
        chance = self._random
        if chance.random() < 0.002:
            return "炸"
        words = chance.sample(sorted(WORDS), chance.choice((0, 1, 1, 1, 2, 3)))
        remark = chance.choice(sorted(REMARKS)) if chance.random() < 0.15 else ""
        return f"第{number}条:我们这{'和'.join(words)}{remark}"

    def _button(self, model: Model, who: AResident) -> str:
        """Mostly about an own need, sometimes about somebody else's."""
        chance = self._random
        own = [key for key in who.needs if key in model.need_ids]
        if chance.random() < 0.1 and model.needs:
            own = [chance.choice(list(model.needs.values())[-200:])]
        if not own:
            return f"in:{chance.choice(COMMUNITIES)}"
        key = chance.choice(own)
        action = chance.choice(("ok", "no", "set", "set", "drop", "wd"))
        if action in ("ok", "no"):
            return f"{action}:{model.message_ids[key[0]]}"
        leaf = chance.choice(sorted(leaf for leaf, _ in WORDS.values()))
        return f"{action}:{model.need_ids[key]}" + (f":{leaf}" if action == "set" else "")
