"""The pictures of the README: the demonstration's residents through the real reader, taken by `make screenshots`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.demo import SAMPLE
from app.replay import read_lines, replay
from app.settings import Settings
from app.wiring import App, build
from tests.planning.site import a_planner_site
from tests.web.chatsite import a_site
from tests.web.test_chat_page import DESKTOP, PHONE, Visitor

FOLDER = os.environ.get("BUQI_SCREENSHOTS")
LARGEST = 300_000  #: bytes of a picture

pytestmark = [
    pytest.mark.skipif(not FOLDER, reason="set BUQI_SCREENSHOTS to a folder"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def folder() -> Path:
    path = Path(FOLDER or "")
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[App]:
    """An installation with the demonstration's messages; its model is the one the other tests keep."""
    data = tmp_path_factory.mktemp("data")
    if (cache := getattr(request.config, "cache", None)) is not None:
        kept = Path(cache.mkdir("buqi-models")) / "models"
        kept.mkdir(exist_ok=True)
        (data / "models").symlink_to(kept, target_is_directory=True)
    app = build(Settings(data_dir=data, operator="德州市补齐试点工作组"), "screenshots", demo=True)
    lines = read_lines(SAMPLE, app.world, lambda line, fault: None)
    with ThreadPoolExecutor(1) as thread:  # the browser's loop runs in this one
        thread.submit(asyncio.run, replay(app.gateway, lines)).result()  # type: ignore[arg-type]
    yield app
    app.close()


@pytest.mark.parametrize(("name", "size", "scale"), [("chat-phone", PHONE, 2), ("chat-desktop", DESKTOP, 1)])
def test_chat__after_a_receipt__is_pictured(
    browser: Browser, app: App, folder: Path, name: str, size: tuple[int, int], scale: int
) -> None:
    with a_site(app.service, demo=True) as site:
        visitor = Visitor(browser, site, size, device_scale_factor=scale)
        page = visitor.agree()
        visitor.write("我们小区没有车位，公交也少")
        expect(visitor.bot.last).to_contain_text("已记入石家园社区需求清单")
        expect(page.locator(".choices button").first).to_be_visible()
        page.mouse.move(0, 0)
        page.locator("#box").blur()
        page.screenshot(path=folder / f"{name}.png")
        visitor.close()
    assert (folder / f"{name}.png").stat().st_size < LARGEST


def test_planner__with_ten_weeks_of_messages__is_pictured(browser: Browser, app: App, folder: Path) -> None:
    picture = folder / "planner-desktop.png"
    with a_planner_site(app.service, demo=True) as url:
        page = browser.new_page(viewport={"width": 1280, "height": 1600}, locale="zh-CN")
        page.goto(f"{url}/planner")
        page.wait_for_selector("#charts[data-drawn=yes]")
        page.screenshot(path=picture)
        page.context.close()
    assert picture.stat().st_size < LARGEST
