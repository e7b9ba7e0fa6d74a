"""Figures of the standards as text: those that were checked, and apart from them those still to be checked."""

from __future__ import annotations

from collections.abc import Iterator

from domain.catalogue import Catalogue, Norm, Standard
from domain.catalogue.model import Reach
from domain.texts import Texts


def norm_texts(catalogue: Catalogue, leaf: str, scale: int | None, texts: Texts) -> tuple[list[str], list[str]]:
    """(verified, to be checked) figures for a facility in a circle of `scale` minutes; None: every scale.

    All figures are given, also contradicting ones; a text never decides anything.
    """
    verified: list[str] = []
    unverified: list[str] = []
    for is_verified, line in _lines(catalogue, leaf, scale, texts):
        target = verified if is_verified else unverified
        if line not in target:
            target.append(line)
    return verified, unverified


def _lines(catalogue: Catalogue, leaf: str, scale: int | None, texts: Texts) -> Iterator[tuple[bool, str]]:
    for standard in catalogue.standards.values():
        for norm in standard.norms:
            if norm.facility == leaf and _fits(norm.scale, scale):
                yield norm.verified, _norm(standard, norm, texts)
        for reach in standard.reach:
            if reach.facility == leaf and _fits(reach.scale, scale) and (reach.radius_m or reach.walk_min):
                yield reach.verified, _reach(standard, reach, texts)


def _fits(of_figure: int | None, of_circle: int | None) -> bool:
    return of_figure is None or of_circle is None or of_figure == of_circle


def _norm(standard: Standard, norm: Norm, texts: Texts) -> str:
    what = texts(f"planner.metric.{norm.metric}")
    per = texts(f"planner.per.{norm.per}")
    figure = f"{_range(norm.min, norm.max)}{norm.unit}{per}"
    if norm.modality == "recommended":
        figure += texts("planner.norm_recommended")
    if norm.applies_to != "all":
        figure += texts("planner.applies." + norm.applies_to.replace(" ", "_"))
    return f"{_scale(norm.scale, texts)}{what}{figure} ({standard.id} {norm.clause})"


def _reach(standard: Standard, reach: Reach, texts: Texts) -> str:
    parts = []
    if reach.radius_m:
        near, far = reach.radius_m
        parts.append(texts("planner.metric.service_radius") + _range(None if near == far else near, far) + "m")
    if reach.walk_min:
        parts.append(texts("planner.metric.walk_time") + f"≤{reach.walk_min}min")
    return f"{_scale(reach.scale, texts)}{', '.join(parts)} ({standard.id} {reach.clause})"


def _scale(scale: int | None, texts: Texts) -> str:
    return texts("planner.norm_scale", scale=scale) if scale else ""


def _range(low: float | None, high: float | None) -> str:
    """`≥800`, `≤300`, `600–1000`, or nothing."""
    if low is not None and high is not None:
        return f"{low:g}–{high:g}"
    if low is not None:
        return f"≥{low:g}"
    return f"≤{high:g}" if high is not None else ""
