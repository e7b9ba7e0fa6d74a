"""What a community worker can do, free of any messaging library: a transaction in, a message out.

A worker sees masked text and a receipt number, never who wrote, and only cases of the area they are bound to. Every
judgement is a label for the next training and moves the counters exactly, in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.apply import change_need, label_need, retract_need
from bot.conversation.context import World
from domain.catalogue import OTHER_FACILITY
from domain.errors import NotAllowed, NotFound
from domain.messages import Button, Outbound
from storage import book as b
from storage import links
from storage import staff as rows
from storage.database import Connection
from storage.staff import Case, Staff

#: What a message can be instead of a need, in the order of the buttons.
INTENTS = (
    "fault_report",
    "service_complaint",
    "objection",
    "policy_question",
    "progress_question",
    "thanks",
    "out_of_scope",
    "spam_abuse",
)
MAX_QUOTE = 1_500  #: characters of a resident's message shown on a case; Telegram takes 4,096 in all


@dataclass(frozen=True, slots=True)
class Desk:
    """The commands over one installation's world."""

    world: World

    # words

    def greeting(self, staff: Staff) -> Outbound:
        """After linking: role and area, and what can be done."""
        role = self.world.texts("staff.role." + staff.role)
        return Outbound(self.world.texts("staff.greeting", role=role, area=self.area_name(staff.area)))

    def help(self, staff: Staff) -> Outbound:
        """The commands."""
        return Outbound(self.world.texts("staff.help", area=self.area_name(staff.area)))

    def area_name(self, code: str) -> str:
        """The area's name with those above it, the city left out."""
        tree = self.world.city.tree
        if code not in tree:
            return code
        above = [area.name for area in tree.up(code) if area.kind != "city"]
        return "".join(reversed(above)) or tree[code].name

    def communities(self, staff: Staff) -> list[str]:
        """The communities a worker answers for; none when the area left the city's file."""
        tree = self.world.city.tree
        return [area.code for area in tree.communities(staff.area)] if staff.area in tree else []

    def day(self, now_ms: int) -> date:
        """The city's day."""
        return _day(now_ms, ZoneInfo(self.world.city.timezone))[0]

    # reading

    def today(self, tx: Connection, staff: Staff, now_ms: int) -> Outbound:
        """The day's figures of the worker's area, in the city's own day."""
        day, start_ms, end_ms = _day(now_ms, ZoneInfo(self.world.city.timezone))
        found = rows.today(tx, self.communities(staff), start_ms, end_ms)
        return Outbound(
            self.world.texts(
                "staff.today",
                area=self.area_name(staff.area),
                day=day.isoformat(),
                messages=found.messages,
                needs=found.needs,
                remarks=found.remarks,
                confirmed=found.confirmed,
                to_review=found.to_review,
            )
        )

    def next(self, tx: Connection, staff: Staff, now_ms: int, after_id: int | None = None) -> Outbound:
        """The next case to look at, the one whose label is worth most first, or the good news that there is none.

        `after_id`: the case just seen; one that needs no look any more is forgotten, and the queue starts anew.
        """
        codes = self.communities(staff)
        after = None
        if after_id is not None:
            with suppress(NotFound):
                after = rows.case(tx, codes, need_id=after_id)
        if after is not None and (after.confirmed_by is not None or after.status not in ("asked", "filed")):
            after = None
        found = rows.next_case(tx, codes, self.day(now_ms), after)
        return (
            self._shown(tx, staff, found)
            if found
            else Outbound(self.world.texts("staff.no_more" if after else "staff.none"))
        )

    def case(self, tx: Connection, staff: Staff, need_id: int) -> Outbound:
        """One case as it stands now.

        Raises:
            NotFound("staff.case"): none of the worker's area.
        """
        return self._shown(tx, staff, rows.case(tx, self.communities(staff), need_id=need_id))

    def case_by_receipt(self, tx: Connection, staff: Staff, receipt: str) -> Outbound:
        """The case whose number a resident read aloud.

        Raises:
            NotFound("staff.case"): none of the worker's area.
        """
        return self._shown(tx, staff, rows.case(tx, self.communities(staff), receipt=receipt))

    def groups(self, tx: Connection, staff: Staff, need_id: int) -> Outbound:
        """First tap of a correction: the groups of facilities."""
        found = rows.case(tx, self.communities(staff), need_id=need_id)
        catalogue, texts = self.world.catalogue, self.world.texts
        choices = [
            Button(group.name[texts.language], f"grp:{need_id}:{group.code}") for group in catalogue.groups.values()
        ]
        choices.append(Button(self.leaf_name(OTHER_FACILITY), f"set:{need_id}:{OTHER_FACILITY}"))
        choices.append(Button(texts("staff.button.back"), f"case:{need_id}"))
        return Outbound(texts("staff.which_group", receipt=found.receipt), tuple(choices))

    def leaves(self, tx: Connection, staff: Staff, need_id: int, group: str) -> Outbound:
        """Second tap of a correction: the facilities of one group."""
        found = rows.case(tx, self.communities(staff), need_id=need_id)
        catalogue, texts = self.world.catalogue, self.world.texts
        if group not in catalogue.groups:
            raise NotFound("staff.button")
        choices = [
            Button(self.leaf_name(facility.code), f"set:{need_id}:{facility.code}")
            for facility in catalogue.facilities.values()
            if facility.group == group
        ]
        choices.append(Button(texts("staff.button.back"), f"fix:{need_id}"))
        name = catalogue.groups[group].name[texts.language]
        return Outbound(texts("staff.which_leaf", receipt=found.receipt, group=name), tuple(choices))

    # judging

    def confirm_case(
        self, tx: Connection, staff: Staff, need_id: int, now_ms: int, seen: str | None = None
    ) -> Outbound:
        """What stands there is right: filed, if it was not.

        `seen`: the facility the button stood under; if somebody changed it since, the case is only shown anew.
        """
        if seen is not None and self._held(tx, staff, need_id).leaf != seen:
            return self.case(tx, staff, need_id)
        return self._judge(tx, staff, need_id, None, now_ms)

    def correct_case(self, tx: Connection, staff: Staff, need_id: int, leaf: str, now_ms: int) -> Outbound:
        """It is another facility.

        Raises:
            NotFound("staff.button"): no such facility: the button is older than the catalogue.
        """
        if leaf not in self.world.catalogue.leaves:
            raise NotFound("staff.button")
        return self._judge(tx, staff, need_id, leaf, now_ms)

    def reject_case(self, tx: Connection, staff: Staff, need_id: int, now_ms: int) -> Outbound:
        """Not a need at all: it no longer counts. A slip of the finger is undone by confirming or correcting it."""
        found = self._held(tx, staff, need_id)
        if _is_open(found) and found.status != "rejected":
            book, page = b.Book(tx), b.Page()
            standing = book.standings([found.resident_id])[found.resident_id]
            need = standing.needs[need_id]
            label_need(page, need, None, "worker", staff.staff_id, now_ms, None)
            retract_need(page, standing, need, "rejected", "worker")
            book.add(page)
            book.write()
        return self.case(tx, staff, need_id)

    def say_intent(self, tx: Connection, staff: Staff, need_id: int, intent: str, now_ms: int) -> Outbound:
        """What a message is that a worker said is no need. It moves no counter, it is only learnt from.

        Raises:
            NotFound("staff.button"): not one of `INTENTS`.
        """
        if intent not in INTENTS:
            raise NotFound("staff.button")
        found = self._held(tx, staff, need_id)
        if found.status == "rejected" and found.is_judged and found.said_intent != intent:
            # the worker doubts what was wanted, not which facility it is about
            leaf = None if self.world.catalogue.intents[intent].carries_leaf == "no" else found.leaf
            book, page = b.Book(tx), b.Page()
            label_need(page, found.as_live(), leaf, "worker", staff.staff_id, now_ms, intent)
            book.add(page)
            book.write()
        return self.case(tx, staff, need_id)

    def _judge(self, tx: Connection, staff: Staff, need_id: int, leaf: str | None, now_ms: int) -> Outbound:
        self.judge_all(tx, staff, [self._held(tx, staff, need_id)], leaf, now_ms)
        return self.case(tx, staff, need_id)

    def judge_all(self, tx: Connection, staff: Staff, cases: Sequence[Case], leaf: str | None, now_ms: int) -> None:
        """Each of these held cases is a need of this facility, or of the one it stands under when None."""
        book, page = b.Book(tx), b.Page()
        standings = book.standings([found.resident_id for found in cases])
        for found in cases:
            right = leaf or found.leaf
            is_said = found.is_judged and found.status == "filed" and found.leaf == right
            if _is_open(found) and not is_said:
                standing = standings[found.resident_id]
                need = standing.needs.get(found.need_id) or found.as_live()
                label_need(page, need, right, "worker", staff.staff_id, now_ms)
                change_need(page, standing, found.resident_id, need, right, "worker", now_ms)
        book.add(page)
        book.write()

    def _held(self, tx: Connection, staff: Staff, need_id: int) -> Case:
        """The case with its resident held still: read again once the lock is ours.

        Raises:
            NotAllowed("staff.only_workers"): a planner may look, but judges nothing.
        """
        if staff.role != "worker":
            raise NotAllowed("staff.only_workers")
        codes = self.communities(staff)
        rows.lock_residents(tx, [rows.case(tx, codes, need_id=need_id).resident_id])
        return rows.case(tx, codes, need_id=need_id)

    # showing

    def leaf_name(self, leaf: str) -> str:
        """A facility's name in the installation's language."""
        return self.world.catalogue.leaf_name(leaf, self.world.texts.language)

    def _shown(self, tx: Connection, staff: Staff, case: Case) -> Outbound:
        texts = self.world.texts
        if case.status == "withdrawn":  # taken back: the words are the resident's again
            text = texts("staff.withdrawn", receipt=case.receipt)
            return Outbound(text, (self._next_button(case),))
        quote = case.masked if len(case.masked) <= MAX_QUOTE else case.masked[:MAX_QUOTE] + "…"
        name = self.leaf_name(case.leaf)
        if case.nature != "unknown":
            nature = self.world.catalogue.natures[case.nature].name[texts.language]
            name = texts("staff.case_nature", name=name, nature=nature)
        text = texts(
            "staff.case",
            receipt=case.receipt,
            community=self.area_name(case.community),
            day=case.day,
            quote=quote,
            name=name,
            state=self._state(case),
        )
        if words := self.world.deciding_words(case.masked, case.leaf):
            text += "\n" + texts("staff.words", words=texts("staff.comma").join(words))
        same = links.live_group(tx, case.need_id)
        if len(same) > 1:
            text += "\n" + texts("staff.linked", count=len(same), receipts=texts("staff.comma").join(same))
        judgements = self._judgements(case, len(same) > 1) if staff.role == "worker" else ()
        return Outbound(text, (*judgements, self._next_button(case)))

    def _state(self, case: Case) -> str:
        if case.status == "filed" and case.confirmed_by is not None:
            return self.world.texts("staff.state.by_" + case.confirmed_by)
        if case.status == "rejected" and case.is_judged:
            if case.said_intent in INTENTS:
                said = self.world.texts("staff.intent." + case.said_intent)
                return self.world.texts("staff.state.rejected_as", said=said)
            return self.world.texts("staff.state.rejected_by_worker")
        return self.world.texts("staff.state." + case.status, percent=round(case.p * 100))

    def _judgements(self, case: Case, is_linked: bool) -> list[Button]:
        if not _is_open(case):
            return []
        texts, choices = self.world.texts, []
        if case.status == "rejected":
            choices.append(Button(texts("staff.button.undo"), f"ok:{case.need_id}:{case.leaf}"))
        elif not case.is_judged:
            choices.append(Button(texts("staff.button.confirm"), f"ok:{case.need_id}:{case.leaf}"))
        choices.append(Button(texts("staff.button.correct"), f"fix:{case.need_id}"))
        if case.status != "rejected":
            choices.append(Button(texts("staff.button.reject"), f"no:{case.need_id}"))
            choices.append(Button(texts("staff.button.similar"), f"like:{case.need_id}"))
            if is_linked:
                choices.append(Button(texts("staff.button.part"), f"part:{case.need_id}"))
        elif case.said_intent not in INTENTS:
            choices += [Button(texts("staff.intent." + intent), f"int:{case.need_id}:{intent}") for intent in INTENTS]
        return choices

    def _next_button(self, case: Case) -> Button:
        return Button(self.world.texts("staff.button.next"), f"next:{case.need_id}")


def _is_open(case: Case) -> bool:
    """Whether a worker may judge: not what the resident took back or said no to."""
    return case.status in ("filed", "asked") or (case.status == "rejected" and case.is_judged)


def _day(now_ms: int, zone: ZoneInfo) -> tuple[date, int, int]:
    """The city's day at a moment: its date, first millisecond, and the first of the day after."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    start = datetime.combine(day, time.min, zone)
    end = datetime.combine(day + timedelta(days=1), time.min, zone)
    return day, int(start.timestamp() * 1000), int(end.timestamp() * 1000)
