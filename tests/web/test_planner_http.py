"""The planners' page and its downloads through real HTTP."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import httpx
import openpyxl
import pytest

from bot.service import Service
from planning.columns import DEMAND
from planning.demand import DemandQuery
from planning.exports import write_demand
from storage import demand as rows
from storage import meta
from storage.database import Database
from tests.planning.rows import CATALOGUE, CITY, MADE_MS, Rows, fill
from tests.planning.site import a_planner_site
from web import assets
from web.access import is_token, session

MakeService = Callable[[Database], Service]
QUERIES = [
    {},
    {"area": "DZ-DC"},
    {"area": "P15-01"},
    {"since": "2026-03-20", "until": "2026-04-20"},
    {"group": "child_education"},
    {"area": "DZ-TQ", "leaf": "car_parking", "since": "2026-03-10"},
    {"leaf": "other_facility"},
    {"since": "2030-01-01"},
]


@pytest.fixture
def url(sqlite_service: Service, sqlite_database: Database) -> Iterator[str]:
    fill(sqlite_database)
    with a_planner_site(sqlite_service) as found:
        yield found


def get(address: str, **headers: str) -> httpx.Response:
    return httpx.get(address, headers=headers, trust_env=False, timeout=30)


def totals_of(page: str) -> dict[str, int]:
    return {name: int(figure) for name, figure in re.findall(r'id="total-(\w+)">(\d+)<', page)}


def test_planner__every_selection__page_xlsx_csv_and_sql_agree(database: Database, make_service: MakeService) -> None:
    fill(database)
    with a_planner_site(make_service(database)) as url, httpx.Client(base_url=url, trust_env=False, timeout=30) as http:
        for query in QUERIES:
            shown = totals_of(http.get("/planner", params=query).text)
            book = openpyxl.load_workbook(io.BytesIO(http.get("/planner/demand.xlsx", params=query).content))
            sheet = list(book["需求汇总"].iter_rows(values_only=True))
            lines = list(
                csv.reader(io.StringIO(http.get("/planner/demand.csv", params=query).text.removeprefix("\ufeff")))
            )
            with rows.snapshot(database) as tx:
                scope = DemandQuery.parse(query, CITY, CATALOGUE).scope(CITY, CATALOGUE)
                counted = {row.counter: row.rows for row in rows.recounts(tx, scope)}
            for name in rows.COUNTERS:
                at = [column.key for column in DEMAND].index(name)
                figures = (
                    shown[name],
                    sum(int(str(row[at])) for row in sheet[1:]),
                    sum(int(row[at]) for row in lines[1:]),
                    counted[name],
                )
                assert len(set(figures)) == 1, (query, name, figures)


def test_planner__command_line_and_http__write_the_same_csv(
    url: str, sqlite_database: Database, tmp_path: Path
) -> None:
    query = DemandQuery.parse({"area": "DZ-LC"}, CITY, CATALOGUE)
    write_demand(sqlite_database, query, CITY, CATALOGUE, tmp_path / "a.csv", "csv", made_ms=MADE_MS)
    assert get(f"{url}/planner/demand.csv?area=DZ-LC").content == (tmp_path / "a.csv").read_bytes()


def test_planner__download__has_name_type_and_is_kept_nowhere(url: str) -> None:
    for fmt, media in (("xlsx", "application/vnd.openxmlformats"), ("csv", "text/csv; charset=utf-8")):
        response = get(f"{url}/planner/demand.{fmt}?area=DZ-DC&since=2026-03-01")
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(media)
        assert response.headers["cache-control"] == "no-store"
        name = unquote(response.headers["content-disposition"].split("utf-8''")[1])
        assert re.fullmatch(rf"补齐_需求汇总_德城区_2026-03-01--_\d{{8}}\.{fmt}", name)


def test_planner__page__has_every_row_and_filter_without_javascript(url: str) -> None:
    page = get(f"{url}/planner?area=P05-01").text
    assert "石家园社区" in page and '<option value="P05-01" selected>' in page
    body = page.split("<tbody>")[1].split("</tbody>")[0]
    shown = [int(found) for found in re.findall(r'<td class="n"><b>(\d+)</b>', body)]
    assert shown and shown == sorted(shown, reverse=True)
    assert sum(shown) == totals_of(page)["voices"]
    assert "小样本" in body and "已核" in body
    assert "<script>" not in page and "style=" not in page and " on" + "click" not in page


def test_planner__policy__forbids_everything_foreign(url: str) -> None:
    response = get(f"{url}/planner")
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    addresses = re.findall(r'(?:src|href|action|data-\w+)="([^"]+)"', response.text)
    assert all(address.startswith(("/", "#", "data:,")) for address in addresses if "://" in address or "/" in address)


@pytest.mark.parametrize(
    ("query", "zh", "en"),
    [
        ("area=Atlantis", "没有“Atlantis”这个区域", 'There is no area "Atlantis"'),
        ("since=soon", "日期“soon”（since）看不懂", 'The date "soon" (since) cannot be read'),
        ("since=2026-02-02&until=2026-01-01", "晚于结束日期", "after its end"),
        ("leaf=castle", "没有“castle”这项设施", 'There is no facility "castle"'),
        ("group=x", "没有“x”这个设施大类", 'There is no facility group "x"'),
    ],
)
def test_planner__bad_query__is_named_in_the_readers_language(url: str, query: str, zh: str, en: str) -> None:
    for language, sentence in (("zh", zh), ("en", en)):
        page = get(f"{url}/planner?lang={language}&{query}")
        assert page.status_code == 400
        assert sentence in page.text.replace("&#34;", '"')
        assert '<form class="filters"' in page.text
        for path in ("demand.xlsx", "demand.csv", "charts.json"):
            answer = get(f"{url}/planner/{path}?lang={language}&{query}")
            assert answer.status_code == 400
            assert answer.json()["error"].startswith(("planning.", "area.")) and sentence in answer.json()["message"]


def test_planner__nobody_wrote_yet__is_friendly(sqlite_service: Service) -> None:
    with a_planner_site(sqlite_service) as url:
        page = get(f"{url}/planner")
        assert page.status_code == 200 and "还没有居民需求" in page.text
        assert totals_of(page.text)["voices"] == 0
        assert get(f"{url}/planner/demand.csv").text.count("\n") == 1
        assert get(f"{url}/planner/charts.json").json()["bar"]["data"]["values"] == []


def test_planner__english__is_english_and_keeps_the_selection(url: str) -> None:
    page = get(f"{url}/planner?lang=en&area=DZ-DC").text
    assert '<html lang="en">' in page and "Facilities residents ask for" in page
    assert "lang=zh" in page and "area=DZ-DC" in page
    assert not re.search(r"需求人次|下载", page)


@pytest.mark.parametrize("query", ["", "&since=tomorrow"])
def test_planner__english__names_the_city_in_english(url: str, query: str) -> None:
    page = get(f"{url}/planner?lang=en{query}").text
    assert ">Dezhou city centre</option>" in page and "德州市中心城区" not in page


def test_planner__few_voices__are_all_of_one_pale_grey_and_it_says_so(url: str) -> None:
    assert "不到5人次的格子一律浅灰色" in get(f"{url}/planner").text
    color = get(f"{url}/planner/charts.json").json()["heat"]["layer"][0]["encoding"]["color"]
    assert color["condition"] == {"test": "datum.voices < 5", "value": "#f0f0ee"}
    assert color["scale"]["domain"][0] == 5 and color["scale"]["domain"][1] >= 20


def test_planner__demo_database__says_so(sqlite_service: Service, sqlite_database: Database) -> None:
    fill(sqlite_database)
    with sqlite_database.transaction() as tx:
        meta.write(tx, meta.DEMO, "1")
    with a_planner_site(sqlite_service) as url:
        assert "演示数据：" in get(f"{url}/planner").text
        response = get(f"{url}/planner/demand.csv")
        assert "演示数据_" in unquote(response.headers["content-disposition"])


def test_planner__hostile_text_in_the_address__is_escaped(url: str) -> None:
    page = get(f"{url}/planner", **{}).text
    for query in ("area=%3Cscript%3Ealert(1)%3C/script%3E", "lang=en&x=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E"):
        page = get(f"{url}/planner?{query}").text
        assert "<script>alert" not in page and "<img" not in page


def test_planner__library__is_ours_packed_and_for_ever(url: str) -> None:
    asset = assets.vega()
    response = get(f"{url}/planner/assets/{asset.name}", **{"Accept-Encoding": "gzip"})
    assert response.content == asset.content and response.headers["content-encoding"] == "gzip"
    assert "immutable" in response.headers["cache-control"]
    plain = get(f"{url}/planner/assets/{asset.name}", **{"Accept-Encoding": "identity"})
    assert plain.content == asset.content
    assert get(f"{url}/planner/assets/other.js").status_code == 404


def test_assets__damaged_or_unwritable_folder__still_gives_the_library(tmp_path: Path) -> None:
    expected = assets.vega()
    (tmp_path / expected.name).write_text("broken")
    assert assets.vega(tmp_path) == expected
    assert (tmp_path / expected.name).read_bytes() == expected.content
    assert (tmp_path / ".gitignore").read_text() == "*\n"
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert assets.vega(blocked / "folder") == expected


# access


TOKEN = "规划-word-7"


@pytest.fixture
def guarded_url(sqlite_service: Service, sqlite_database: Database) -> Iterator[str]:
    town = Rows()
    town.need(town.resident(), "nursery")
    fill(sqlite_database, town)
    with a_planner_site(sqlite_service, token=TOKEN) as found:
        yield found


def test_access__right_word__opens_page_and_downloads_until_logout(guarded_url: str) -> None:
    with httpx.Client(base_url=guarded_url, trust_env=False, follow_redirects=True) as http:
        for path in ("demand.xlsx", "demand.csv", "charts.json"):
            refused = http.get(f"/planner/{path}")
            assert refused.status_code == 403 and refused.json()["error"] == "planning.login"
        door = http.get("/planner")
        assert door.status_code == 403 and "规划人员登录" in door.text and "托儿所" not in door.text
        page = http.post("/planner/login", data={"token": TOKEN})
        assert page.status_code == 200 and "托儿所" in page.text
        assert http.get("/planner/demand.csv").status_code == 200
        http.post("/planner/logout")
        assert http.get("/planner").status_code == 403


def test_access__cookie__is_hidden_from_scripts_and_holds_no_word(guarded_url: str) -> None:
    answer = httpx.post(f"{guarded_url}/planner/login", data={"token": TOKEN}, trust_env=False)
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/planner" in cookie
    assert TOKEN not in unquote(cookie)


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "\ud83d\ude00", "a" * 5000])
def test_access__wrong_word__is_refused_politely(guarded_url: str, token: str) -> None:
    body = {"token": token.encode("utf-16", "surrogatepass").decode("utf-16")}
    answer = httpx.post(f"{guarded_url}/planner/login", data=body, trust_env=False)
    assert answer.status_code == 403 and "口令不对" in answer.text
    assert "set-cookie" not in answer.headers


def test_access__many_guesses__have_to_wait_and_lock_nobody_out(guarded_url: str) -> None:
    found = [
        httpx.post(f"{guarded_url}/planner/login", data={"token": str(at)}, trust_env=False).status_code
        for at in range(12)
    ]
    assert found[0] == 403 and found[-1] == 429
    right = httpx.post(f"{guarded_url}/planner/login", data={"token": TOKEN}, trust_env=False)
    assert right.status_code == 303 and "set-cookie" in right.headers


@pytest.mark.parametrize(
    "cookie", ["", "1", "99999999999.", "99999999999.abc", session("other", 2e9), session(TOKEN, 1000)]
)
def test_access__forged_or_ended_session__is_refused(guarded_url: str, cookie: str) -> None:
    assert get(f"{guarded_url}/planner", Cookie=f"buqi_planner={cookie}").status_code == 403


def test_access__no_word_set__serves_this_machine_alone(url: str) -> None:
    port = url.rsplit(":", 1)[1]
    assert get(f"http://localhost:{port}/planner").status_code == 200
    for headers in (
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "for=203.0.113.9"},
        {"Via": "1.1 proxy"},
        {"Host": "evil.example"},
    ):
        answer = get(f"{url}/planner", **headers)
        assert answer.status_code == 403 and "BUQI_PLANNER_TOKEN" in answer.text
        assert get(f"{url}/planner/demand.csv", **headers).json()["error"] == "planning.local_only"


def test_is_token__any_text__compares_bytes() -> None:
    assert is_token("口令", "口令") and not is_token("口", "口令") and not is_token("", "x")
