"""Many needs judged by one tap: those that were read as one facility from nearly the same words, on one card.

A button carries a hash of the needs the worker saw: if one came or went since, nothing is judged and the card is shown
anew. Each need gets a label of its own and moves its own community's counters, all in the caller's transaction.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bot.staff.desk import Desk
from domain.catalogue import OTHER_FACILITY
from domain.errors import NotAllowed, NotFound
from domain.messages import Button, Outbound
from nlp.batches import batches
from nlp.site import own_words
from storage import staff as rows
from storage.database import Connection
from storage.staff import Case, Staff

MOST_CASES = 400  #: of an area, those with the most valuable labels: every two are compared
EXAMPLES = 5
MAX_EXAMPLE = 80  #: characters of an example shown


@dataclass(frozen=True, slots=True)
class Batch:
    """Some needs that were read alike; the first is the most typical and stands for all."""

    cases: tuple[Case, ...]

    @property
    def seed(self) -> int:
        """The need whose number the buttons carry."""
        return self.cases[0].need_id

    @property
    def digest(self) -> str:
        """Which needs these are, short enough for a button."""
        members = ",".join(str(case.need_id) for case in self.cases)
        return hashlib.sha256(f"{self.cases[0].leaf}:{members}".encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Batches:
    """The commands for whole batches, beside those of the desk."""

    desk: Desk

    # reading

    def first(self, tx: Connection, staff: Staff, now_ms: int) -> Outbound:
        """The largest batch, or that there is none."""
        found = self._all(tx, staff, now_ms)
        return self._shown(staff, found[0]) if found else self._none()

    def show(self, tx: Connection, staff: Staff, seed: int, now_ms: int) -> Outbound:
        """The batch around a need as it is now, or the largest one when that is gone."""
        found = self._all(tx, staff, now_ms)
        return next((self._shown(staff, batch) for batch in found if batch.seed == seed), None) or self.first(
            tx, staff, now_ms
        )

    def following(self, tx: Connection, staff: Staff, seed: int, now_ms: int) -> Outbound:
        """The batch after one; the largest again after the last."""
        found = self._all(tx, staff, now_ms)
        seeds = [batch.seed for batch in found]
        place = seeds.index(seed) + 1 if seed in seeds else 0
        return self._shown(staff, found[place % len(found)]) if found else self._none()

    def groups(self, tx: Connection, staff: Staff, seed: int, digest: str, now_ms: int) -> Outbound:
        """First tap of "all are another facility": the groups of facilities."""
        batch = self._seen(tx, staff, seed, digest, now_ms)
        if batch is None:
            return self._changed(tx, staff, seed, now_ms)
        catalogue, texts = self.desk.world.catalogue, self.desk.world.texts
        key = f"{seed}:{digest}"
        choices = [
            Button(group.name[texts.language], f"bgrp:{key}:{group.code}") for group in catalogue.groups.values()
        ]
        choices.append(Button(self.desk.leaf_name(OTHER_FACILITY), f"bset:{key}:{OTHER_FACILITY}"))
        choices.append(Button(texts("staff.button.back"), f"bat:{seed}"))
        return Outbound(texts("staff.batch.which_group", count=len(batch.cases)), tuple(choices))

    def leaves(self, tx: Connection, staff: Staff, seed: int, rest: str, now_ms: int) -> Outbound:
        """Second tap of "all are another facility": the facilities of one group."""
        digest, _, group = rest.partition(":")
        batch = self._seen(tx, staff, seed, digest, now_ms)
        if batch is None:
            return self._changed(tx, staff, seed, now_ms)
        catalogue, texts = self.desk.world.catalogue, self.desk.world.texts
        if group not in catalogue.groups:
            raise NotFound("staff.button")
        key = f"{seed}:{digest}"
        choices = [
            Button(self.desk.leaf_name(facility.code), f"bset:{key}:{facility.code}")
            for facility in catalogue.facilities.values()
            if facility.group == group
        ]
        choices.append(Button(texts("staff.button.back"), f"bfix:{key}"))
        name = catalogue.groups[group].name[texts.language]
        return Outbound(texts("staff.batch.which_leaf", count=len(batch.cases), group=name), tuple(choices))

    # judging

    def confirm(self, tx: Connection, staff: Staff, seed: int, digest: str, now_ms: int) -> Outbound:
        """All of them are what they were read as."""
        return self._judge(tx, staff, seed, digest, None, now_ms)

    def correct(self, tx: Connection, staff: Staff, seed: int, rest: str, now_ms: int) -> Outbound:
        """All of them are another facility.

        Raises:
            NotFound("staff.button"): no such facility: the button is older than the catalogue.
        """
        digest, _, leaf = rest.partition(":")
        if leaf not in self.desk.world.catalogue.leaves:
            raise NotFound("staff.button")
        return self._judge(tx, staff, seed, digest, leaf, now_ms)

    def _judge(self, tx: Connection, staff: Staff, seed: int, digest: str, leaf: str | None, now_ms: int) -> Outbound:
        if staff.role != "worker":
            raise NotAllowed("staff.only_workers")
        seen = self._seen(tx, staff, seed, digest, now_ms)
        if seen is not None:
            rows.lock_residents(tx, [case.resident_id for case in seen.cases])
            seen = self._seen(tx, staff, seed, digest, now_ms)  # read again once the locks are ours
        if seen is None:
            return self._changed(tx, staff, seed, now_ms)
        self.desk.judge_all(tx, staff, seen.cases, leaf, now_ms)
        name = self.desk.leaf_name(leaf or seen.cases[0].leaf)
        texts = self.desk.world.texts
        next_one = Button(texts("staff.batch.next"), f"bnext:{seed}")
        return Outbound(texts("staff.batch.done", count=len(seen.cases), name=name), (next_one,))

    def _all(self, tx: Connection, staff: Staff, now_ms: int) -> list[Batch]:
        waiting = rows.waiting_cases(tx, self.desk.communities(staff), self.desk.day(now_ms), MOST_CASES)
        alike = batches([_words(case) for case in waiting], [case.leaf for case in waiting])
        return [Batch(tuple(waiting[place] for place in places)) for places in alike]

    def _seen(self, tx: Connection, staff: Staff, seed: int, digest: str, now_ms: int) -> Batch | None:
        found = self._all(tx, staff, now_ms)
        return next((batch for batch in found if batch.seed == seed and batch.digest == digest), None)

    # showing

    def _changed(self, tx: Connection, staff: Staff, seed: int, now_ms: int) -> Outbound:
        anew = self.show(tx, staff, seed, now_ms)
        return Outbound(self.desk.world.texts("staff.batch.changed") + "\n\n" + anew.text, anew.buttons)

    def _none(self) -> Outbound:
        return Outbound(self.desk.world.texts("staff.batch.none"))

    def _shown(self, staff: Staff, batch: Batch) -> Outbound:
        texts, key = self.desk.world.texts, f"{batch.seed}:{batch.digest}"
        examples = "\n".join(list(dict.fromkeys(map(_example, batch.cases)))[:EXAMPLES])
        name = self.desk.leaf_name(batch.cases[0].leaf)
        choices = []
        if staff.role == "worker":
            choices.append(Button(texts("staff.batch.confirm"), f"ball:{key}"))
            choices.append(Button(texts("staff.batch.correct"), f"bfix:{key}"))
        choices.append(Button(texts("staff.batch.single"), f"case:{batch.seed}"))
        choices.append(Button(texts("staff.batch.next"), f"bnext:{batch.seed}"))
        return Outbound(texts("staff.batch.card", count=len(batch.cases), name=name, examples=examples), tuple(choices))


def _words(case: Case) -> str:
    """The need's own masked words, or the whole message when masking moved them."""
    place = own_words(case.masked, case.span_start, case.span_end)
    return case.masked[slice(*place)] if place else case.masked


def _example(case: Case) -> str:
    """The whole message where it is short, or else the need's own words."""
    if len(case.masked) <= MAX_EXAMPLE:
        return f"· {case.masked}"
    return f"· …{_words(case)[:MAX_EXAMPLE]}…"
