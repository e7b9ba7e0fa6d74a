"""The planners' page in a real browser: charts drawn, nothing fetched from outside, no policy broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser, Page

from bot.service import Service
from storage import meta
from storage.database import Database
from tests.planning.rows import Rows, a_town, fill
from tests.planning.site import a_planner_site
from tests.web.conftest import PATIENCE_MS

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
WATCH = "window.broken = []; document.addEventListener('securitypolicyviolation', e => broken.push(e.blockedURI));"


@pytest.fixture
def url(sqlite_service: Service, sqlite_database: Database) -> Iterator[str]:
    town = a_town(150)
    for _ in range(60):  # an old catalogue's code and a message, both as nasty as can be
        town.need(town.resident(), HOSTILE, masked=HOSTILE)
    fill(sqlite_database, town)
    with sqlite_database.transaction() as tx:
        meta.write(tx, meta.DEMO, "1")
    with a_planner_site(sqlite_service) as found:
        yield found


def a_page(browser: Browser, url: str, width: int, *, scripts: bool = True) -> tuple[Page, list[str]]:
    """A page of that width and what went wrong on it: foreign requests, policy violations, script errors."""
    wrong: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 900}, java_script_enabled=scripts, accept_downloads=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(WATCH)
    page.on("request", lambda request: None if request.url.startswith((url, "data:")) else wrong.append(request.url))
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    return page, wrong


@pytest.mark.timeout(120)
@pytest.mark.parametrize("width", [1280, 375, 320])
def test_page__in_chromium__draws_charts_with_nothing_from_outside(
    browser: Browser, url: str, width: int, tmp_path: Path
) -> None:
    page, wrong = a_page(browser, url, width)
    page.goto(f"{url}/planner")
    page.wait_for_selector("#charts[data-drawn]")
    assert page.get_attribute("#charts", "data-drawn") == "yes", wrong
    bars = page.locator("#chart-bar svg .mark-rect path").count()
    assert bars >= 10 and page.locator("#chart-heat svg .mark-rect path").count() > bars
    assert page.locator("#chart-bar svg").bounding_box()["width"] <= width  # type: ignore[index]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("p.demo").is_visible()
    for box in page.locator("input[type=date]").all():
        assert box.evaluate("(node) => node.scrollWidth <= node.clientWidth && node.clientWidth >= 140")
    heat = page.locator("#chart-heat")
    assert width > 600 or heat.evaluate("(node) => node.scrollWidth > node.clientWidth")
    # the tooltip carries the nasty name as text
    page.locator("#chart-bar svg .mark-rect path").first.hover()
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "onerror" in page.inner_text("#vg-tooltip-element")
    assert "onerror" in page.inner_text("#demand tbody")
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("window.broken") == []
    assert wrong == []
    page.context.close()


@pytest.mark.timeout(120)
def test_page__filter_and_download__by_hand(browser: Browser, url: str, tmp_path: Path) -> None:
    page, wrong = a_page(browser, url, 1280)
    page.goto(f"{url}/planner")
    page.select_option("select[name=area]", "DZ-DC")
    page.fill("input[name=since]", "2026-03-10")
    page.click("button.primary")
    page.wait_for_url("**since=2026-03-10**")
    shown = int(page.inner_text("#total-voices"))
    page.wait_for_selector("#charts[data-drawn=yes]")
    with page.expect_download() as waiting:
        page.click("text=Excel")
    assert waiting.value.suggested_filename.startswith("演示数据_补齐_需求汇总_德城区_2026-03-10")
    waiting.value.save_as(tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["演示-需求汇总"]
    lines = list(sheet.iter_rows(values_only=True))
    assert sum(int(str(line[lines[0].index("需求人次")])) for line in lines[1:]) == shown
    assert wrong == []
    page.context.close()


@pytest.mark.timeout(120)
def test_page__without_javascript__is_complete(browser: Browser, url: str) -> None:
    page, _ = a_page(browser, url, 1280, scripts=False)
    page.goto(f"{url}/planner")
    assert page.locator("noscript p").is_visible()
    assert page.locator("#demand tbody tr").count() > 50
    page.select_option("select[name=leaf]", "nursery")
    page.click("button.primary")
    assert "leaf=nursery" in page.url
    page.context.close()


@pytest.mark.timeout(120)
def test_page__charts_not_to_be_had__says_so_and_keeps_the_table(browser: Browser, url: str) -> None:
    page, _ = a_page(browser, url, 1280)
    page.route("**/planner/charts.json*", lambda route: route.abort())
    page.goto(f"{url}/planner")
    page.wait_for_selector("#charts[data-drawn=failed]")
    assert "下面的表里是同样的数字" in page.inner_text("#charts")
    assert page.locator("#demand tbody tr").count() > 50
    page.context.close()


@pytest.mark.timeout(120)
def test_login__in_chromium__lets_in_and_out(
    browser: Browser, sqlite_service: Service, sqlite_database: Database
) -> None:
    town = Rows()
    town.need(town.resident(), "nursery")
    fill(sqlite_database, town)
    with a_planner_site(sqlite_service, token="open sesame") as url:
        page, wrong = a_page(browser, url, 375)
        page.goto(f"{url}/planner")
        page.fill("input[name=token]", "open barley")
        page.click("button.primary")
        assert "口令不对" in page.inner_text(".problem")
        page.fill("input[name=token]", "open sesame")
        page.click("button.primary")
        page.wait_for_selector("#charts[data-drawn=yes]")
        page.click("text=退出")
        page.wait_for_selector("input[name=token]")
        assert page.context.cookies() == []
        assert [text for text in wrong if "403" not in text] == []
        page.context.close()
