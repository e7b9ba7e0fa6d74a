"""The columns of the demand and need tables, once for page, XLSX, CSV and the data dictionary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from domain.catalogue import Catalogue, City
from domain.demand import NeedLine
from domain.texts import Texts
from planning.demand import DemandRow, ancestor_name, group_of, leaf_name
from planning.norms import norm_texts

Kind = Literal["text", "whole", "share", "day"]
Value = str | int | float | None
R = TypeVar("R")


@dataclass(slots=True)
class Words:
    """Names and sentences in the reader's language."""

    city: City
    catalogue: Catalogue
    texts: Texts
    demo: bool = False
    _norms: dict[tuple[str, int | None], tuple[list[str], list[str]]] = field(default_factory=dict)

    @property
    def language(self) -> str:
        """`zh` or `en`."""
        return self.texts.language

    def leaf(self, code: str) -> str:
        """A facility's name."""
        return leaf_name(self.catalogue, code, self.language)

    def place(self, code: str) -> str:
        """An area's name; the city's own in the reader's language, as none other has two."""
        if code not in self.city.tree:
            return code
        area = self.city.tree[code]
        return self.city.name[self.language] if area.kind == "city" else area.name

    def above(self, community: str, kind: str) -> str:
        """The name of the district or street of a community."""
        return ancestor_name(self.city, community, kind)

    def group(self, leaf: str) -> str:
        """The name of a facility's group."""
        code = group_of(self.catalogue, leaf)
        return self.catalogue.groups[code].name[self.language] if code else self.texts("planner.group_none")

    def lead(self, leaf: str) -> str:
        """Who leads on a facility; gaps are marked as to be confirmed."""
        return self.city.lead_text(leaf, self.language) or self.texts("planner.lead_none")

    def norms(self, leaf: str, community: str) -> tuple[list[str], list[str]]:
        """Verified figures, and those to be checked, for the community's circle."""
        scale = self.city.tree[community].circle_scale
        if (leaf, scale) not in self._norms:
            self._norms[leaf, scale] = norm_texts(self.catalogue, leaf, scale, self.texts)
        return self._norms[leaf, scale]

    def known(self, kind: str, code: str | None) -> str:
        """The word for a code ("status", "asked"); the code itself when there is none yet."""
        if not code:
            return ""
        return self.texts.sentences.get(f"planner.{kind}.{code}", code)

    def nature(self, code: str) -> str:
        """How the facility is lacking."""
        found = self.catalogue.natures.get(code)
        return found.name[self.language] if found else code

    def intent(self, code: str) -> str:
        """What the message wanted."""
        found = self.catalogue.intents.get(code)
        return found.name[self.language] if found else code

    def joined(self, lines: list[str]) -> str:
        """Several figures in one cell."""
        return self.texts("planner.list_mark").join(lines)

    @property
    def data_kind(self) -> str:
        """Made-up or real residents."""
        return self.texts("planner.demo" if self.demo else "planner.real")


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column: header `planner.column.<key>`, meaning `planner.meaning.<key>`, unit and source likewise."""

    key: str
    kind: Kind
    width: int
    value: Callable[[R, Words], Value]
    unit: str = "none"
    source: str = "counter"

    def header(self, texts: Texts) -> str:
        """The words at the head of the column."""
        return texts(f"planner.column.{self.key}")


DEMAND: tuple[Column[DemandRow], ...] = (
    Column("district", "text", 11, lambda row, w: w.above(row.community, "district"), source="city"),
    Column("street", "text", 12, lambda row, w: w.above(row.community, "street"), source="city"),
    Column("community", "text", 14, lambda row, w: w.place(row.community), source="city"),
    Column("community_code", "text", 10, lambda row, _: row.community, source="city"),
    Column("scale", "whole", 9, lambda row, w: w.city.tree[row.community].circle_scale, "minutes", "city"),
    Column("group", "text", 16, lambda row, w: w.group(row.leaf), source="catalogue"),
    Column("leaf", "text", 20, lambda row, w: w.leaf(row.leaf), source="catalogue"),
    Column("leaf_code", "text", 16, lambda row, _: row.leaf, source="catalogue"),
    Column("voices", "whole", 9, lambda row, _: row.voices, "people"),
    Column("voices_low", "whole", 9, lambda row, _: row.interval.low, "people", "computed"),
    Column("voices_high", "whole", 9, lambda row, _: row.interval.high, "people", "computed"),
    Column("interval", "text", 13, lambda row, w: w.texts(f"planner.interval.{row.interval.basis}"), source="computed"),
    Column(
        "small", "text", 15, lambda row, w: w.texts("planner.small_flag") if row.is_small else "", source="computed"
    ),
    Column("needs", "whole", 9, lambda row, _: row.needs, "needs"),
    Column("residents", "whole", 9, lambda row, _: row.residents, "people"),
    Column("objections", "whole", 9, lambda row, _: row.objections, "remarks"),
    Column("faults", "whole", 9, lambda row, _: row.faults, "remarks"),
    Column("complaints", "whole", 9, lambda row, _: row.complaints, "remarks"),
    Column("awaiting", "whole", 9, lambda row, _: row.awaiting, "needs", "need"),
    Column("share_resident", "share", 10, lambda row, _: row.share(row.by_resident), "percent", "need"),
    Column("share_worker", "share", 10, lambda row, _: row.share(row.by_worker), "percent", "need"),
    Column("first_day", "day", 11, lambda row, _: row.first_day, "day"),
    Column("last_day", "day", 11, lambda row, _: row.last_day, "day"),
    Column("lead", "text", 26, lambda row, w: w.lead(row.leaf), source="city"),
    Column("norms", "text", 42, lambda row, w: w.joined(w.norms(row.leaf, row.community)[0]), source="standard"),
    Column(
        "norms_to_check", "text", 36, lambda row, w: w.joined(w.norms(row.leaf, row.community)[1]), source="standard"
    ),
    Column("data_kind", "text", 10, lambda _, w: w.data_kind, source="meta"),
)

NEEDS: tuple[Column[NeedLine], ...] = (
    Column("receipt", "text", 11, lambda line, _: line.receipt, source="need"),
    Column("day", "day", 11, lambda line, _: line.day, "day", "need"),
    Column("community", "text", 14, lambda line, w: w.place(line.community), source="city"),
    Column("leaf", "text", 20, lambda line, w: w.leaf(line.leaf), source="need"),
    Column("nature", "text", 14, lambda line, w: w.nature(line.nature), source="need"),
    Column("source", "text", 12, lambda line, w: w.known("source", line.source), source="need"),
    Column("channel", "text", 12, lambda line, w: w.known("channel", line.channel), source="identity"),
    Column("status", "text", 12, lambda line, w: w.known("status", line.status), source="need"),
    Column("confirmed_by", "text", 12, lambda line, w: w.known("by", line.confirmed_by), source="need"),
    Column("certainty", "share", 10, lambda line, _: line.p, "percent", "model"),
    Column(
        "masked",
        "text",
        80,
        lambda line, w: w.texts("planner.withdrawn_text") if line.status == "withdrawn" else line.masked,
        source="message",
    ),
    Column("data_kind", "text", 10, lambda _, w: w.data_kind, source="meta"),
)
