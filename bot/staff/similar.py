"""Cases that may be one and the same: candidates with their reasons, linking and parting. Counters never move.

Functions over a `Desk`, in the caller's transaction, as its own commands are.
"""

from __future__ import annotations

from datetime import date

from bot.staff.desk import Desk
from domain.errors import NotAllowed, NotFound
from domain.messages import Button, Outbound
from nlp.similar import WITHIN_DAYS, WORTH_A_LOOK, Index, Likeness, Told, compare
from storage import links
from storage import staff as rows
from storage.database import Connection
from storage.staff import Case, Staff

MOST = 5  #: candidates shown
LOOKED_AT = 200  #: the newest needs of the facility in the community that are compared
QUOTE = 120  #: characters of a candidate's message
DAY_MS = 24 * 3600 * 1000


def candidates(desk: Desk, tx: Connection, staff: Staff, need_id: int) -> Outbound:
    """Up to five cases of the community that may be the same, most alike first, each with what speaks for it.

    Raises:
        NotFound("staff.case"): none of the worker's area, or its words are the resident's again.
    """
    case = _open_case(desk, tx, staff, need_id)
    texts = desk.world.texts
    linked = links.group(tx, need_id)
    near = {found.need_id: found for found in links.neighbours(tx, case, WITHIN_DAYS * DAY_MS, LOOKED_AT)}
    index = Index(_told(found) for found in near.values() if found.need_id not in linked)
    best = index.best(_told(case), MOST, WORTH_A_LOOK)
    back = Button(texts("staff.button.back"), f"case:{need_id}")
    if not best:
        return Outbound(texts("staff.similar_none", receipt=case.receipt, days=WITHIN_DAYS), (back,))
    parts, choices = [texts("staff.similar", receipt=case.receipt)], []
    for number, (told, likeness) in enumerate(best, 1):
        parts.append(_line(desk, near[told.key], likeness, number))
        choices.append(Button(texts("staff.button.same", number=number), f"same:{need_id}:{told.key}"))
    return Outbound("\n\n".join(parts), (*choices, back))


def link_case(desk: Desk, tx: Connection, staff: Staff, need_id: int, other_id: int, now_ms: int) -> Outbound:
    """The two are one and the same.

    Raises:
        NotFound("staff.button"): they can no longer be one: taken back, corrected to another place or time.
    """
    _must_be_worker(staff)
    case, other = _open_case(desk, tx, staff, need_id), _open_case(desk, tx, staff, other_id)
    likeness = compare(_told(case), _told(other))
    if need_id == other_id or likeness is None:
        raise NotFound("staff.button")
    links.link(tx, need_id, other_id, staff.staff_id, round(likeness.p, 4), now_ms)
    return desk.case(tx, staff, need_id)


def part_case(desk: Desk, tx: Connection, staff: Staff, need_id: int) -> Outbound:
    """The case stands for itself again."""
    _must_be_worker(staff)
    _open_case(desk, tx, staff, need_id)
    links.unlink(tx, need_id)
    return desk.case(tx, staff, need_id)


def _open_case(desk: Desk, tx: Connection, staff: Staff, need_id: int) -> Case:
    found = rows.case(tx, desk.communities(staff), need_id=need_id)
    if found.status not in links.LIVE:
        raise NotFound("staff.case")
    return found


def _must_be_worker(staff: Staff) -> None:
    if staff.role != "worker":
        raise NotAllowed("staff.only_workers")


def _told(case: Case) -> Told:
    day = date.fromisoformat(case.day).toordinal()
    return Told(case.need_id, case.community, case.leaf, case.masked, day, nature=case.nature)


def _line(desk: Desk, case: Case, likeness: Likeness, number: int) -> str:
    texts = desk.world.texts
    comma = texts("staff.comma")
    reasons = []
    if likeness.words:
        reasons.append(texts("staff.why.words", words=comma.join(likeness.words)))
    if likeness.apart:
        reasons.append(texts("staff.why.apart", words=comma.join(likeness.apart)))
    days = likeness.days
    reasons.append(texts("staff.why.days", days=days) if days else texts("staff.why.same_day"))
    quote = case.masked if len(case.masked) <= QUOTE else case.masked[:QUOTE] + "…"
    return texts(
        "staff.similar_one",
        number=number,
        receipt=case.receipt,
        day=case.day,
        percent=round(likeness.p * 100),
        quote=quote,
        why=texts("staff.why.semicolon").join(reasons),
    )
