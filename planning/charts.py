"""Vega-Lite specifications of the demand, data inline: the same for the page and for a printed report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from planning.columns import Words
from planning.demand import SMALL, Demand, DemandRow

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"  #: a name, never fetched
TOP = 15
INK, LINE, FEW = "#1f2a37", "#d5dbe3", "#f0f0ee"
FONT = "Microsoft YaHei, PingFang SC, Noto Sans CJK SC, WenQuanYi Micro Hei, sans-serif"

CONFIG: dict[str, object] = {
    "font": FONT,
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 14,
        "titleFontSize": 14,
        "labelColor": INK,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "gridColor": LINE,
        "domainColor": LINE,
        "tickColor": LINE,
        "labelLimit": 240,
    },
    "legend": {"labelFontSize": 13, "titleFontSize": 13, "labelColor": INK, "titleColor": INK},
    "text": {"fontSize": 14},
}


def leaders(rows: Iterable[DemandRow], limit: int = TOP) -> list[str]:
    """The facilities with most voices, ties by code; those nobody asked for are left out."""
    voices: dict[str, int] = {}
    for row in rows:
        voices[row.leaf] = voices.get(row.leaf, 0) + row.voices
    ranked = sorted((leaf for leaf, count in voices.items() if count > 0), key=lambda leaf: (-voices[leaf], leaf))
    return ranked[:limit]


def charts(demand: Demand, words: Words) -> dict[str, dict[str, object]]:
    """`bar`: voices of the leading facilities; `heat`: communities by those facilities."""
    return {"bar": bar(demand, words), "heat": heat(demand, words)}


def bar(demand: Demand, words: Words) -> dict[str, object]:
    """Horizontal bars, most voices on top, the number at the end of each."""
    facility, voices, objections = (words.texts(f"planner.chart.{key}") for key in ("facility", "voices", "objections"))
    values: list[dict[str, Any]] = []
    for leaf in leaders(demand.rows):
        rows = [row for row in demand.rows if row.leaf == leaf]
        values.append(
            {
                "facility": words.leaf(leaf),
                "voices": sum(row.voices for row in rows),
                "objections": sum(row.objections for row in rows),
            }
        )
    y = {"field": "facility", "type": "nominal", "sort": None, "title": None, "axis": {"ticks": False, "domain": False}}
    most = max((value["voices"] for value in values), default=1)
    x = {
        "field": "voices",
        "type": "quantitative",
        "title": voices,
        "axis": {"tickMinStep": 1, "format": "d", "tickCount": 4},
        "scale": {"domainMax": 1.25 * most, "nice": False},  # room for the number behind the bar
    }
    tooltip = [
        {"field": "facility", "type": "nominal", "title": facility},
        {"field": "voices", "type": "quantitative", "title": voices},
        {"field": "objections", "type": "quantitative", "title": objections},
    ]
    return {
        "$schema": SCHEMA,
        "description": words.texts("planner.page.bar"),
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "height": 30 * max(len(values), 1),
        "data": {"values": values},
        "encoding": {"y": y, "x": x},
        "layer": [
            {
                "mark": {"type": "bar", "color": "#2b5f9e", "cornerRadiusEnd": 3, "height": 20},
                "encoding": {"tooltip": tooltip},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 6, "color": INK},
                "encoding": {"text": {"field": "voices", "type": "quantitative"}},
            },
        ],
        "config": CONFIG,
    }


def heat(demand: Demand, words: Words) -> dict[str, object]:
    """One square per community and leading facility, darker with more voices, the number inside.

    Few voices are all of one pale grey, so that a chance difference between two of them does not look like a finding.
    """
    leading = leaders(demand.rows)
    order = [words.leaf(leaf) for leaf in leading]
    wanted = [row for row in demand.rows if row.leaf in set(leading) and row.voices > 0]
    names = _place_names({row.community: None for row in wanted}, words)
    values = [
        {
            "community": names[row.community],
            "facility": words.leaf(row.leaf),
            "voices": row.voices,
            "objections": row.objections,
        }
        for row in wanted
    ]
    most = max(4 * SMALL, *(row.voices for row in wanted), 0)  # a town of few voices has no dark squares
    facility, community, voices, objections = (
        words.texts(f"planner.chart.{key}") for key in ("facility", "community", "voices", "objections")
    )
    tooltip = [
        {"field": "community", "type": "nominal", "title": community},
        {"field": "facility", "type": "nominal", "title": facility},
        {"field": "voices", "type": "quantitative", "title": voices},
        {"field": "objections", "type": "quantitative", "title": objections},
    ]
    x = {
        "field": "facility",
        "type": "nominal",
        "sort": order,
        "title": None,
        "axis": {"orient": "top", "labelAngle": -45, "labelLimit": 190, "ticks": False, "domain": False},
    }
    y = {
        "field": "community",
        "type": "nominal",
        "sort": list(names.values()),
        "title": None,
        "axis": {"ticks": False, "domain": False},
    }
    ink = {"condition": {"test": f"datum.voices > {SMALL + (most - SMALL) * 0.57}", "value": "#ffffff"}, "value": INK}
    shade = {
        "field": "voices",
        "type": "quantitative",
        "scale": {"domain": [SMALL, most], "range": ["#d6e6f7", "#123f73"]},
        "legend": None,
    }
    color = {"condition": {"test": f"datum.voices < {SMALL}", "value": FEW}, **shade}
    return {
        "$schema": SCHEMA,
        "description": words.texts("planner.page.heat"),
        "width": {"step": 37},
        "height": {"step": 32},
        "data": {"values": values},
        "encoding": {"x": x, "y": y},
        "layer": [
            {
                "mark": {"type": "rect", "stroke": "#ffffff", "strokeWidth": 2, "cornerRadius": 3},
                "encoding": {"color": color, "tooltip": tooltip},
            },
            {
                "mark": {"type": "text"},
                "encoding": {"text": {"field": "voices", "type": "quantitative"}, "color": ink},
            },
        ],
        "config": CONFIG,
    }


def _place_names(codes: Iterable[str], words: Words) -> dict[str, str]:
    """Names for an axis; communities of one name are told apart by their code."""
    plain = {code: words.place(code) for code in codes}
    names = list(plain.values())
    return {code: name if names.count(name) == 1 else f"{name} {code}" for code, name in plain.items()}
