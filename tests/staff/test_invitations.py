"""Invitations: once, in time, and only for those who hold the code."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from domain.errors import InputError
from storage import staff, tables
from storage.database import Database
from storage.vault import Vault
from tests.builders import NOW_MS
from tests.staff.builders import HERE, a_worker, an_invite


def redeem(database: Database, code: str, key: bytes = b"k1", now_ms: int = NOW_MS) -> staff.Staff:
    with database.transaction() as tx:
        return staff.redeem(tx, code, key, now_ms)


def test_redeem__fresh_code__links_to_role_and_area(database: Database) -> None:
    linked = redeem(database, an_invite(database, HERE, "planner"))
    with database.transaction() as tx:
        assert staff.by_key(tx, b"k1") == linked
        assert staff.everybody(tx) == [linked]
    assert (linked.role, linked.area) == ("planner", HERE)


def test_create_invite__stored__has_128_bits_and_only_the_hash_is_kept(sqlite_database: Database) -> None:
    code = an_invite(sqlite_database)
    assert len(code) == 22
    with sqlite_database.transaction() as tx:
        row = tx.execute(select(tables.StaffInvite.__table__)).one()
    assert code.encode() not in bytes(row.code_hash)
    assert len(row.code_hash) == 32
    assert row.expires_ms - row.created_ms == 24 * 3600 * 1000


@pytest.mark.parametrize(
    ("after_ms", "code", "refusal"),
    [
        (24 * 3600 * 1000, None, "staff.invite_expired"),
        (0, "nobody-ever-made-this1", "staff.invite_unknown"),
        (0, "", "staff.invite_unknown"),
    ],
)
def test_redeem__no_valid_code__says_why(database: Database, after_ms: int, code: str | None, refusal: str) -> None:
    made = an_invite(database)
    with pytest.raises(InputError) as caught:
        redeem(database, made if code is None else code, now_ms=NOW_MS + after_ms)
    assert caught.value.code == refusal
    with database.transaction() as tx:
        assert staff.everybody(tx) == []


def test_redeem__last_millisecond__still_works(sqlite_database: Database) -> None:
    assert redeem(sqlite_database, an_invite(sqlite_database), now_ms=NOW_MS + 24 * 3600 * 1000 - 1)


def test_redeem__second_time__is_used_even_for_the_same_person(database: Database) -> None:
    code = an_invite(database)
    redeem(database, code)
    for key in (b"k1", b"k2"):
        with pytest.raises(InputError) as caught:
            redeem(database, code, key)
        assert caught.value.code == "staff.invite_used"


def test_redeem__thousand_at_once__exactly_one_is_linked(database: Database) -> None:
    """On SQLite through the one writer thread, on PostgreSQL truly at once."""
    code = an_invite(database)

    def attempt(number: int) -> str:
        try:
            redeem(database, code, b"key-%d" % number)
        except InputError as exc:
            return exc.code
        return "linked"

    with ThreadPoolExecutor(1 if database.dialect == "sqlite" else 12) as pool:
        results = Counter(pool.map(attempt, range(1000)))
    assert results == {"linked": 1, "staff.invite_used": 999}
    with database.transaction() as tx:
        assert len(staff.everybody(tx)) == 1


def test_redeem__linked_before__moves_and_keeps_the_id(database: Database, vault: Vault) -> None:
    first = a_worker(database, vault)
    with database.transaction() as tx:
        assert staff.revoke(tx, first.staff_id, NOW_MS)
        assert not staff.revoke(tx, first.staff_id, NOW_MS)
        assert staff.everybody(tx) == []
    again = a_worker(database, vault, area="P15-01")
    assert (again.staff_id, again.area) == (first.staff_id, "P15-01")


@pytest.mark.parametrize(("role", "area", "fault"), [("boss", HERE, "staff.role"), ("worker", "XX", "area.unknown")])
def test_create_invite__unknown_role_or_area__is_refused(
    sqlite_database: Database, role: str, area: str, fault: str
) -> None:
    with pytest.raises(InputError) as caught:
        an_invite(sqlite_database, area, role)
    assert caught.value.code == fault
