"""What somebody said a need really is: the value that goes from `storage` to `nlp`. Masked words, nobody's id."""

from __future__ import annotations

from typing import NamedTuple

NEED = "need_report"


class Judgement(NamedTuple):
    """The judgement that stands for one need: the last one anybody made."""

    need_id: int
    message_id: int
    masked: str  #: the message's masked text
    start: int  #: of the need's words, in the text before it was masked
    end: int
    read_leaf: str  #: the facility the reader had named
    leaf: str | None  #: the facility it is about; None when about none, or when nobody said
    intent: str | None  #: None when all that was said is that it is no such need
    source: str  #: resident, worker
    receipt: str = ""  #: the number by which people know the need
    is_whole: bool = False  #: every need of the message is judged and none withdrawn: the whole text may be learnt from


class Opinion(NamedTuple):
    """One judge's last word on a need."""

    source: str
    leaf: str | None
    intent: str | None


class Dispute(NamedTuple):
    """A need people judged differently."""

    receipt: str
    masked: str
    opinions: tuple[Opinion, ...]
