"""One update of the staff bot in one transaction: done once, for somebody we know, by the right command.

The inbox row makes an update count once. A repeat acts no more and is answered from the rows as they are now.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.conversation.context import World
from bot.staff import similar
from bot.staff.batches import Batches
from bot.staff.desk import Desk
from domain.errors import AppError, InputError, NotFound
from domain.messages import Outbound
from storage import staff as rows
from storage.database import Connection, Database, is_outage
from storage.ids import RECEIPT_ALPHABET
from storage.staff import Staff
from storage.vault import Vault

log = logging.getLogger("buqi.staff")

_RECEIPT = re.compile(rf"([{RECEIPT_ALPHABET}]{{3}})[-－ ]?([{RECEIPT_ALPHABET}]{{4}})", re.IGNORECASE)
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Asked:
    """One update, free of the library: a text or a pressed button of one Telegram user."""

    external_id: str
    user: str
    text: str = ""
    button: str | None = None


class Counter:
    """Answers updates. Synchronous: runs in the writer thread.

    Args:
        account: the part of the token that is no secret; keeps two bots' update numbers apart.
    """

    def __init__(self, database: Database, world: World, vault: Vault, account: str) -> None:
        self._database = database
        self._desk = Desk(world)
        self._batches = Batches(self._desk)
        self._texts = world.texts
        self._vault = vault
        self._account = account

    def answer(self, asked: Asked, now_ms: int) -> Outbound:
        """What to say. Whatever it did is committed.

        Raises:
            Exception: the database is out of reach (`is_outage`); the update must be handed in again.
        """
        try:
            with self._database.transaction() as tx:
                return self._answer(tx, asked, now_ms)
        except AppError as exc:
            return Outbound(self._texts.error(exc))
        except Exception as exc:
            if is_outage(exc):
                raise
            reason = type(exc).__name__
            log.error("staff.update_failed", extra={"reason": reason, "update": asked.external_id})
            with self._database.transaction() as tx:
                rows.first_time(tx, self._account, asked.external_id, now_ms, reason)
            return Outbound(self._texts("staff.failed"))

    def _answer(self, tx: Connection, asked: Asked, now_ms: int) -> Outbound:
        is_first = rows.first_time(tx, self._account, asked.external_id, now_ms)
        key_hash = self._vault.fingerprint("staff", "telegram", asked.user)
        staff = rows.by_key(tx, key_hash)
        command, argument = _command(asked.text)
        if asked.button is None and command == "start" and argument:
            return self._link(tx, argument, key_hash, staff, is_first, now_ms)
        if staff is None:
            return Outbound(self._texts("staff.unknown"))
        if asked.button is not None:
            return self._pressed(tx, staff, asked.button, is_first, now_ms)
        return self._said(tx, staff, command, asked.text, now_ms)

    def _link(
        self, tx: Connection, code: str, key_hash: bytes, staff: Staff | None, is_first: bool, now_ms: int
    ) -> Outbound:
        if staff is not None and not is_first:
            return self._desk.greeting(staff)
        if not _CODE.fullmatch(code):
            raise InputError("staff.invite_unknown")
        return self._desk.greeting(rows.redeem(tx, code, key_hash, now_ms))

    def _said(self, tx: Connection, staff: Staff, command: str, text: str, now_ms: int) -> Outbound:
        if command == "today":
            return self._desk.today(tx, staff, now_ms)
        if command == "next":
            return self._desk.next(tx, staff, now_ms)
        if command == "batch":
            return self._batches.first(tx, staff, now_ms)
        if command == "start":
            return self._desk.greeting(staff)
        if found := _RECEIPT.fullmatch(text.strip()):
            return self._desk.case_by_receipt(tx, staff, f"{found[1]}-{found[2]}".upper())
        return self._desk.help(staff)

    def _pressed(self, tx: Connection, staff: Staff, payload: str, is_first: bool, now_ms: int) -> Outbound:
        action, need_id, rest = _button(payload)
        desk, batches = self._desk, self._batches
        reading: dict[str, Callable[[], Outbound]] = {
            "case": lambda: desk.case(tx, staff, need_id),
            "next": lambda: desk.next(tx, staff, now_ms, need_id),
            "fix": lambda: desk.groups(tx, staff, need_id),
            "grp": lambda: desk.leaves(tx, staff, need_id, rest),
            "bat": lambda: batches.show(tx, staff, need_id, now_ms),
            "bnext": lambda: batches.following(tx, staff, need_id, now_ms),
            "bfix": lambda: batches.groups(tx, staff, need_id, rest, now_ms),
            "bgrp": lambda: batches.leaves(tx, staff, need_id, rest, now_ms),
            "like": lambda: similar.candidates(desk, tx, staff, need_id),
        }
        judging: dict[str, Callable[[], Outbound]] = {
            "ok": lambda: desk.confirm_case(tx, staff, need_id, now_ms, rest or None),
            "set": lambda: desk.correct_case(tx, staff, need_id, rest, now_ms),
            "no": lambda: desk.reject_case(tx, staff, need_id, now_ms),
            "int": lambda: desk.say_intent(tx, staff, need_id, rest, now_ms),
            "ball": lambda: batches.confirm(tx, staff, need_id, rest, now_ms),
            "bset": lambda: batches.correct(tx, staff, need_id, rest, now_ms),
            "same": lambda: similar.link_case(desk, tx, staff, need_id, _number(rest), now_ms),
            "part": lambda: similar.part_case(desk, tx, staff, need_id),
        }
        if action in judging and not is_first:
            if action in ("ball", "bset"):
                return batches.first(tx, staff, now_ms)
            return desk.case(tx, staff, need_id)
        found = reading.get(action) or judging.get(action)
        if found is None:
            raise NotFound("staff.button")
        return found()


def _command(text: str) -> tuple[str, str]:
    """`/today@our_bot x` -> ("today", "x"); anything else is no command."""
    if not text.startswith("/"):
        return "", ""
    name, _, argument = text[1:].partition(" ")
    return name.partition("@")[0].lower(), argument.strip()


def _button(payload: str) -> tuple[str, int, str]:
    """`set:123:car_parking` -> ("set", 123, "car_parking").

    Raises:
        NotFound("staff.button"): not one of ours.
    """
    action, _, rest = payload.partition(":")
    number, _, rest = rest.partition(":")
    return action, _number(number), rest


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}|[0-8][0-9]{18}", text):  # more would not fit the database's id
        raise NotFound("staff.button")
    return int(text)
