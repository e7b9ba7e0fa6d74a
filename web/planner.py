"""The planners' page: demand by community and facility as table, charts and downloads, one selection for all three."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from starlette.background import BackgroundTask

from bot.gateway import now_ms
from domain.errors import Busy, InputError, NotAllowed, NotFound
from domain.texts import Texts, load_texts
from planning.charts import charts
from planning.columns import Words
from planning.demand import SMALL, Demand, DemandQuery
from planning.exports import export_name, write_demand
from planning.notes import facility_text, made_text, notes, period_text
from planning.reading import read_demand
from storage.demand import snapshot
from web import access, assets
from web.language import language_of
from web.limits import Buckets, TooMany
from web.services import Services

SHOWN = 700  #: rows of the page; a download has all
LOGIN_BYTES = 4096
MEDIA = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
PRIVATE = {"Cache-Control": "no-store"}


class Desk:
    """What every route needs: the services, and the reader's language and selection."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.city, self.catalogue = services.world.city, services.world.catalogue
        self.downloads = threading.BoundedSemaphore(2)
        self.guesses = Buckets(per_second=0.2, burst=10)

    def texts(self, request: Request) -> Texts:
        """In the language of this request."""
        return load_texts(language_of(request, self.services.language))

    def query(self, request: Request) -> DemandQuery:
        """The selection of this request.

        Raises:
            InputError: with the fault's name.
        """
        return DemandQuery.parse(request.query_params, self.city, self.catalogue)

    def demand(self, query: DemandQuery) -> Demand:
        """The figures of a selection, as they are now."""
        with snapshot(self.services.reading) as tx:
            return read_demand(tx, query, self.city, self.catalogue, now_ms())

    def words(self, texts: Texts, demo: bool) -> Words:
        """Names in the language of `texts`."""
        return Words(self.city, self.catalogue, texts, demo)

    def admit(self, request: Request) -> None:
        """For files and data.

        Raises:
            NotAllowed("planning.login"), NotAllowed("planning.local_only").
        """
        if not access.is_admitted(request, self.services):
            raise NotAllowed("planning.login" if self.services.planner_token else "planning.local_only")

    def page(self, name: str, request: Request, status: int, /, **values: object) -> HTMLResponse:
        """A page that is kept nowhere."""
        texts = self.texts(request)
        other = "zh" if texts.language == "en" else "en"
        html = (
            assets.templates()
            .get_template(name)
            .render(
                t=texts,
                language="en" if texts.language == "en" else "zh-CN",
                lang=texts.language,
                other_language="/planner?" + urlencode({**request.query_params, "lang": other}),
                demo=values.pop("demo", self.services.demo),
                stamp=assets.stamp,
                **values,
            )
        )
        return HTMLResponse(html, status, PRIVATE)


def router(services: Services) -> APIRouter:
    """The routes under /planner."""
    desk = Desk(services)
    routes = APIRouter(prefix="/planner", tags=["planner"])

    @routes.get("", response_class=HTMLResponse)
    def page(request: Request) -> Response:
        """The page; without JavaScript too."""
        return _page(desk, request)

    @routes.get("/charts.json")
    def chart_specs(request: Request) -> JSONResponse:
        """Vega-Lite specifications of the same selection."""
        desk.admit(request)
        demand = desk.demand(desk.query(request))
        return JSONResponse(charts(demand, desk.words(desk.texts(request), demand.demo)), headers=PRIVATE)

    @routes.get("/demand.xlsx", response_class=FileResponse)
    def workbook(request: Request) -> Response:
        """The selection as a workbook."""
        return _download(desk, request, "xlsx")

    @routes.get("/demand.csv", response_class=FileResponse)
    def table(request: Request) -> Response:
        """The selection as CSV."""
        return _download(desk, request, "csv")

    @routes.get("/assets/{name}")
    def library(name: str, request: Request) -> Response:
        """The chart library."""
        return _library(name, request)

    @routes.post("/login", response_class=HTMLResponse)
    async def login(request: Request) -> Response:
        """Checks the access word."""
        return await _login(desk, request)

    @routes.post("/logout")
    def logout(request: Request) -> Response:
        """Forgets the session."""
        response = RedirectResponse(_address("/planner", request), 303, PRIVATE)
        response.delete_cookie(access.COOKIE, path="/planner")
        return response

    return routes


def _address(path: str, request: Request) -> str:
    language = request.query_params.get("lang")
    return f"{path}?{urlencode({'lang': language})}" if language in ("zh", "en") else path


def _page(desk: Desk, request: Request) -> Response:
    texts = desk.texts(request)
    if not access.is_admitted(request, desk.services):
        if desk.services.planner_token:
            return desk.page("planner_login.html", request, 403, wrong=None)
        reason = texts.error(NotAllowed("planning.local_only"))
        return desk.page("planner_refused.html", request, 403, reason=reason)
    try:
        demand = desk.demand(desk.query(request))
    except InputError as fault:
        filters = _filters(desk, texts, request.query_params)
        return desk.page("planner.html", request, 400, fault=texts.error(fault), **filters)
    words = desk.words(texts, demand.demo)
    chosen = demand.query.parameters()
    address = urlencode({**chosen, "lang": texts.language})
    # sorted() is stable: equal voices stay in the order of places
    rows = sorted(demand.rows, key=lambda row: -row.voices)
    return desk.page(
        "planner.html",
        request,
        200,
        **_filters(desk, texts, chosen),
        fault=None,
        demo=demand.demo or desk.services.demo,
        demand=demand,
        words=words,
        totals=demand.totals,
        rows=rows[:SHOWN],
        notes=[note for note in notes(demand, words) if isinstance(note.value, str)],
        heading=(words.place(demand.query.area), facility_text(demand.query, words), period_text(demand.query, words)),
        made=made_text(demand, words),
        address=address,
        few=SMALL,
        vega=f"/planner/assets/{assets.vega().name}",
        signed_in=bool(desk.services.planner_token),
    )


def _filters(desk: Desk, texts: Texts, chosen: Mapping[str, str]) -> dict[str, object]:
    """Choices of the form, and what was chosen."""
    language = texts.language
    by_group: dict[str, list[tuple[str, str]]] = {code: [] for code in desk.catalogue.groups}
    for facility in desk.catalogue.facilities.values():
        by_group[facility.group].append((facility.code, facility.short_name(language)))
    words = desk.words(texts, False)
    areas: list[tuple[str, str]] = []
    for area in _in_tree_order(desk):
        depth = sum(1 for _ in desk.city.tree.up(area)) - 1
        areas.append((area, "\u3000" * depth + words.place(area)))
    return {
        "areas": areas,
        "groups": [(code, group.name[language]) for code, group in desk.catalogue.groups.items()],
        "leaves": [(desk.catalogue.groups[code].name[language], leaves) for code, leaves in by_group.items()],
        "other_leaf": ("other_facility", desk.catalogue.leaf_name("other_facility", language)),
        "chosen": {name: chosen.get(name, "") for name in ("area", "since", "until", "group", "leaf")},
    }


def _in_tree_order(desk: Desk) -> list[str]:
    children: dict[str | None, list[str]] = {}
    for area in desk.city.areas:
        children.setdefault(area.parent, []).append(area.code)

    def below(code: str | None) -> list[str]:
        return [found for child in children.get(code, []) for found in (child, *below(child))]

    return below(None)


def _download(desk: Desk, request: Request, fmt: str) -> Response:
    desk.admit(request)
    query = desk.query(request)
    texts = desk.texts(request)
    if not desk.downloads.acquire(timeout=10):
        raise Busy("planning.busy")
    folder = tempfile.TemporaryDirectory(prefix="buqi-")
    try:
        path = Path(folder.name) / f"demand.{fmt}"
        made = now_ms()
        demand = write_demand(
            desk.services.reading, query, desk.city, desk.catalogue, path, fmt, made_ms=made, language=texts.language
        )
    except BaseException:
        folder.cleanup()
        raise
    finally:
        desk.downloads.release()
    day = datetime.fromtimestamp(made / 1000, ZoneInfo(desk.city.timezone)).date().isoformat()
    name = export_name(query, desk.words(texts, demand.demo), day, fmt)
    return FileResponse(
        path, media_type=MEDIA[fmt], filename=name, headers=PRIVATE, background=BackgroundTask(folder.cleanup)
    )


def _library(name: str, request: Request) -> Response:
    asset = assets.vega()
    if name != asset.name:
        raise NotFound("planning.asset")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type="text/javascript")
    return Response(asset.content, headers=headers, media_type="text/javascript")


async def _login(desk: Desk, request: Request) -> Response:
    token = desk.services.planner_token
    home = _address("/planner", request)
    if not token:
        return RedirectResponse(home, 303, PRIVATE)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LOGIN_BYTES:
            break
    given = parse_qs(body[:LOGIN_BYTES].decode("utf-8", "replace")).get("token", [""])[0]
    if not access.is_token(given.strip(), token):
        return _wrong(desk, request)
    response = RedirectResponse(home, 303, PRIVATE)
    response.set_cookie(
        access.COOKIE,
        access.session(token, time.time()),
        max_age=access.SESSION_S,
        path="/planner",
        httponly=True,
        samesite="strict",
        secure=desk.services.secure_cookies,
    )
    return response


def _wrong(desk: Desk, request: Request) -> Response:
    """Only wrong words use up the bucket: behind a proxy all share it, and nobody can lock the planners out."""
    key, status = "planner.login.wrong", 403
    try:
        desk.guesses.take(request.client.host if request.client else "", now_ms())
    except TooMany as fault:
        key, status = "planner.login.too_many", fault.status
    return desk.page("planner_login.html", request, status, wrong=desk.texts(request)(key))


__all__ = ["router"]
