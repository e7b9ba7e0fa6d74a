"""What has outlived its purpose goes; what was counted stays counted."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select

from bot.service import MAX_TRIES, Received, Service
from storage import book
from storage.recount import differences
from storage.retention import erase_old
from storage.tables import Inbox, Message, Need, Resident
from tests.builders import DAY_MS, NOW_MS, a_consented_resident, an_inbound, say, send


def test_retention__after_the_term__words_and_strangers_go_needs_stay(service: Service) -> None:
    a_consented_resident(service, "old")
    say(service, "没有车位", user="old")
    send(service, an_inbound("在吗", user="stranger"))
    later = NOW_MS + 181 * DAY_MS
    a_consented_resident(service, "new", now_ms=later)
    say(service, "没有食堂", user="new", now_ms=later)
    with service.database.transaction() as tx:
        assert erase_old(tx, later, 180) == {"texts": 1, "strangers": 1, "replies": 3, "parked": 0}
        originals = list(tx.scalars(select(Message.original).order_by(Message.at_ms)))
        assert originals[0] == b""
        assert originals[1]
        assert len(list(tx.scalars(select(Need.id)))) == 2
        assert len(list(tx.scalars(select(Resident.id)))) == 2
        assert differences(tx) == []
        assert erase_old(tx, later, 180) == {"texts": 0, "strangers": 0, "replies": 0, "parked": 0}
        assert len(list(tx.scalars(select(Inbox.id)))) == 7


def test_retention__late_repeat__still_changes_nothing(service: Service) -> None:
    a_consented_resident(service, "old")
    again = an_inbound("没有车位", user="old", n="same")
    send(service, again)
    with service.database.transaction() as tx:
        erase_old(tx, NOW_MS + 200 * DAY_MS, 180)
    repeated = send(service, again, now_ms=NOW_MS + 200 * DAY_MS)[0]
    assert repeated.repeated
    assert repeated.replies == ()
    with service.database.transaction() as tx:
        assert len(list(tx.scalars(select(Need.id)))) == 1


def parked(service: Service) -> list[tuple[str, bytes | None, int | None]]:
    """(status, payload, owner) of what did not go through."""
    with service.database.transaction() as tx:
        query = select(Inbox.status, Inbox.payload, Inbox.resident_id).where(Inbox.status != "done")
        return [tuple(row) for row in tx.execute(query.order_by(Inbox.id))]  # type: ignore[misc]


def test_failure__of_somebody_who_agreed__waits_sealed_and_goes_with_the_term(service: Service) -> None:
    a_consented_resident(service)
    assert say(service, "炸").failed
    ((status, payload, owner),) = parked(service)
    assert (status, bool(payload), owner is not None) == ("failed", True, True)
    for attempt in range(1, MAX_TRIES):
        service.retry_failed(NOW_MS + attempt * 600_000)
    ((status, payload, owner),) = parked(service)
    assert (status, bool(payload), owner is not None) == ("dead", True, True)
    with service.database.transaction() as tx:
        erase_old(tx, NOW_MS + 179 * DAY_MS, 180)
    assert parked(service)[0][1]
    with service.database.transaction() as tx:
        erase_old(tx, NOW_MS + 181 * DAY_MS, 180)
    assert parked(service) == [("dead", None, None)]


def test_failure__dead_before_an_erasure__leaves_no_words(service: Service) -> None:
    a_consented_resident(service)
    say(service, "炸")
    send(service, an_inbound(command="forget"))
    send(service, an_inbound(button="forget:yes"))
    assert parked(service) == [("dead", None, None)]


def test_failure__of_a_stranger__is_not_kept(service: Service) -> None:
    assert say(service, "炸", user="stranger").failed
    send(service, an_inbound("你好", user="known stranger"))
    assert say(service, "炸", user="known stranger").failed
    assert parked(service) == [("dead", None, None)] * 2
    assert service.retry_failed(NOW_MS + DAY_MS) == 0


def test_failure__while_agreeing__is_a_strangers(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    start = an_inbound(command="start", argument="c-P05-01", user="u1")
    send(service, start)

    def broken(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr("bot.service._outbox", broken)
    assert say(service, "同意").failed
    assert parked(service) == [("dead", None, None)]


def test_failure__in_the_commit_of_a_newcomer__keeps_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    a_consented_resident(service, "agreed")
    write, calls = book.Book.write_rows, []

    def breaks_twice(self: book.Book) -> None:
        calls.append(1)
        if len(calls) <= 2:
            raise ValueError("broken")
        write(self)

    for user, kept in (("newcomer", False), ("agreed", True)):
        calls.clear()
        monkeypatch.setattr(book.Book, "write_rows", breaks_twice)
        assert service.handle_many([Received(an_inbound("没有车位", user=user))], NOW_MS)[0].failed
        _, payload, owner = parked(service)[-1]
        assert (payload is not None, owner is not None) == (kept, kept)


def test_retention__much_to_erase__takes_a_bounded_number_of_rows_at_a_time(service: Service) -> None:
    a_consented_resident(service, "old")
    for _ in range(7):
        say(service, "没有车位", user="old")
    later = NOW_MS + 181 * DAY_MS
    with service.database.transaction() as tx:
        erased = [erase_old(tx, later, 180, most=3) for _ in range(6)]
        assert [round_["texts"] for round_ in erased] == [3, 3, 1, 0, 0, 0]
        assert [round_["replies"] for round_ in erased] == [3, 3, 3, 0, 0, 0]
        assert set(tx.scalars(select(Message.original))) == {b""}


def test_retention__nothing_to_erase__does_not_read_what_was_erased_before(sqlite_service: Service) -> None:
    a_consented_resident(sqlite_service, "old")
    say(sqlite_service, "没有车位", user="old")
    later = NOW_MS + 181 * DAY_MS
    with sqlite_service.database.transaction() as tx:
        erase_old(tx, later, 180)
        said: list[tuple[str, object]] = []
        listen = lambda _c, _cur, sql, facts, _ctx, _many: said.append((sql, facts))  # noqa: E731
        event.listen(tx, "before_cursor_execute", listen)
        erase_old(tx, later, 180)
        event.remove(tx, "before_cursor_execute", listen)
        for sql, facts in said:
            assert "LIMIT" in sql or "FROM meta" in sql
            plan = [str(row[3]) for row in tx.exec_driver_sql("EXPLAIN QUERY PLAN " + sql, facts)]
            assert not [line for line in plan if line.startswith("SCAN")], sql
