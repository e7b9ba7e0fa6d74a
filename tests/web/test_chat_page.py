"""The chat page in a real Chromium: as a resident with a phone, a keyboard, a bad network, big type."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from bot.service import Service
from domain.messages import Button
from domain.texts import load_texts
from tests.web.chatsite import Site, a_site, push, status_of, until
from tests.web.conftest import PATIENCE_MS
from tests.web.test_chat_http import EVIL

ZH = load_texts("zh")
PHONE, SMALL, DESKTOP = (375, 740), (320, 568), (1280, 800)

#: (element, width, height) of visible controls smaller than 44 px, and of anything wider than the window
MEASURE = """() => {
  const small = [...document.querySelectorAll('button, textarea, select, a.quiet')].filter((e) => e.offsetParent)
    .map((e) => [e.outerHTML.slice(0, 60), e.getBoundingClientRect().width, e.getBoundingClientRect().height])
    .filter(([, width, height]) => width < 43.9 || height < 43.9);
  return {small, wide: document.documentElement.scrollWidth - innerWidth};
}"""

#: the lowest contrast of any visible text against the nearest painted ground
CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0.99) return c; } return [255, 255, 255]; };
  let worst = [99, ''];
  for (const e of document.querySelectorAll('body *')) {
    if (!e.offsetParent || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 80)];
  }
  return worst;
}"""


@pytest.fixture
def site(sqlite_service: Service) -> Iterator[Site]:
    with a_site(sqlite_service) as found:
        yield found


class Visitor:
    """One person's browser; notes every request, console message and fault."""

    def __init__(self, browser: Browser, site: Site, size: tuple[int, int] = DESKTOP, **options: object) -> None:
        self.site = site
        width, height = size
        self.context = browser.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        self.context.set_default_timeout(PATIENCE_MS)
        self.urls: list[str] = []
        self.faults: list[str] = []
        self.page = self.new_page()

    def new_page(self) -> Page:
        page = self.context.new_page()
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("console", lambda message: self.faults.append(message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        return page

    def open(self, path: str = "/chat?c=P05-01") -> Page:
        self.page.goto(self.site.url + path)
        return self.page

    def agree(self) -> Page:
        page = self.open()
        self.choose("1 同意")
        expect(self.bot.last).to_contain_text("石家园社区")
        return page

    def write(self, text: str) -> None:
        self.page.fill("#box", text)
        self.page.keyboard.press("Enter")

    def choose(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    @property
    def bot(self):  # type: ignore[no-untyped-def]
        return self.page.locator(".line.bot > p")

    @property
    def own(self):  # type: ignore[no-untyped-def]
        return self.page.locator(".line.resident > p")

    def close(self, faults: int = 0) -> None:
        self.context.close()
        assert len(self.faults) == faults, self.faults
        foreign = [url for url in self.urls if not url.startswith((self.site.url, "data:"))]
        assert foreign == []


def said_to(site: Site) -> list[str]:
    """Every kept original, in order."""
    from sqlalchemy import select

    from storage.book import MESSAGE

    with site.services.reading.transaction() as tx:
        rows = tx.execute(select(MESSAGE.c.original).order_by(MESSAGE.c.at_ms, MESSAGE.c.id)).all()
    return [site.services.vault.open(row.original) for row in rows]


@pytest.mark.parametrize("size", [DESKTOP, PHONE, SMALL])
def test_a_resident__from_the_front_page_to_the_receipt(browser: Browser, site: Site, size: tuple[int, int]) -> None:
    visitor = Visitor(browser, site, size)
    page = visitor.open("/")
    assert page.evaluate(MEASURE) == {"small": [], "wide": 0}
    page.select_option("#c", "P05-01")
    visitor.choose(ZH("chat.home.go"))
    expect(visitor.bot.first).to_contain_text("您同意这样记录吗")
    # said too early: kept in the page, offered after consent, sent with one tap
    visitor.write("小区里没有车位，公交也少")
    expect(page.locator(".line.resident .state")).to_have_text(ZH("chat.sent"))
    visitor.choose("1 同意")
    expect(page.locator("#offer")).to_contain_text("小区里没有车位")
    assert page.evaluate(MEASURE) == {"small": [], "wide": 0}
    visitor.choose(ZH("chat.offer_send"))
    expect(visitor.bot.last).to_contain_text("已记入石家园社区需求清单")
    expect(page.locator("#offer")).to_be_hidden()
    expect(page.locator("#where")).to_have_text("石家园社区")
    assert said_to(site) == ["小区里没有车位，公交也少"]
    assert page.evaluate(MEASURE) == {"small": [], "wide": 0}
    contrast, where = page.evaluate(CONTRAST)
    assert contrast >= 4.5, where
    visitor.close()


#: whether an element is wholly in sight, between the bars that stick
IN_SIGHT = """(selector) => {
  const stuck = (bar) => getComputedStyle(bar).position === 'sticky' ? bar.offsetHeight : 0;
  const [head, foot] = ['header', 'footer'].map((name) => stuck(document.querySelector(name)));
  const {top, bottom} = document.querySelector(selector).getBoundingClientRect();
  return top >= head && bottom <= innerHeight - foot;
}"""


@pytest.mark.parametrize(("size", "lang"), [(SMALL, "zh"), (SMALL, "en"), ((375, 667), "zh")])
def test_words_before_consent__offered__leave_the_question_in_sight(
    browser: Browser, site: Site, size: tuple[int, int], lang: str
) -> None:
    visitor = Visitor(browser, site, size)
    page = visitor.open(f"/chat?lang={lang}")
    consent = page.locator(".choices button").first
    expect(consent).to_be_visible()
    if not page.evaluate(IN_SIGHT, ".choices button"):
        box = page.locator("#down").bounding_box()
        assert box is not None
        page.mouse.click(
            box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        )  # as a finger: without scrolling first
        expect(page.locator("#down")).to_be_hidden()
        assert page.evaluate(IN_SIGHT, ".choices button")
    for _ in range(2):  # twice the same is kept once
        visitor.write("没有车位")
    expect(page.locator(".line.resident .state", has_text=load_texts(lang)("chat.sent"))).to_have_count(2)
    page.locator(".choices button").first.click()
    offer = page.locator("#offer")
    expect(offer).to_be_visible()
    assert offer.inner_text().count("没有车位") == 1
    assert offer.bounding_box()["height"] <= size[1] / 5  # type: ignore[index]
    assert page.evaluate(IN_SIGHT, ".line.bot:last-child > p")
    assert page.evaluate(IN_SIGHT, ".line.bot:last-child .choices button:nth-of-type(2)")
    assert page.evaluate(MEASURE) == {"small": [], "wide": 0}
    visitor.close()


@pytest.mark.parametrize("words", ["没有车位。", "没有食堂"])
def test_words_before_consent__said_again_or_passed_over__are_offered_no_more(
    browser: Browser, site: Site, words: str
) -> None:
    visitor = Visitor(browser, site, PHONE)
    page = visitor.open()
    expect(visitor.bot).to_have_count(1)
    visitor.write("没有车位")
    expect(visitor.bot).to_have_count(2)
    visitor.write("1")  # a number answers the question, it is no other message
    expect(page.locator("#offer")).to_be_visible()
    visitor.write(words)
    expect(page.locator("#offer")).to_be_hidden()
    expect(visitor.bot.last).to_contain_text("已记入")
    page.reload()
    expect(visitor.bot.last).to_contain_text("已记入")
    expect(page.locator("#offer")).to_be_hidden()
    assert said_to(site) == [words]
    visitor.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_receipt_number__on_a_narrow_screen__stays_in_one_line(browser: Browser, site: Site, scripts: bool) -> None:
    visitor = Visitor(browser, site, SMALL)
    page = visitor.agree()
    visitor.write("没有车位，没有食堂")
    expect(page.locator(".whole")).to_have_count(2)
    if not scripts:
        page.route("**/chat.js*", lambda route: route.fulfill(body="", content_type="text/javascript"))
        page.reload()
        expect(page.locator(".whole")).to_have_count(2)
    for number in page.locator(".whole").all():
        assert len(number.inner_text()) == 8
        assert number.evaluate("(node) => node.getClientRects().length") == 1
    visitor.close()


def test_empty_text__sent__focuses_the_box_and_says_so(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site, SMALL)
    page = visitor.agree()
    page.fill("#box", "  ")
    visitor.choose(ZH("chat.send"))
    expect(page.locator("#box")).to_be_focused()
    expect(page.locator("#notice")).to_have_text(ZH("chat.empty"))
    page.keyboard.type("没")
    expect(page.locator("#notice")).to_be_hidden()
    assert said_to(site) == []
    visitor.close()


def test_keyboard_only__says_chooses_by_number_and_asks_for_help(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site)
    page = visitor.open()
    expect(visitor.bot).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#box")).to_be_focused()
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    expect(visitor.bot).to_have_count(2)
    page.keyboard.type("没有车位")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("也没有食堂")
    page.keyboard.press("Enter")
    expect(visitor.bot.last).to_contain_text("②")
    page.locator(".choices button").first.focus()
    page.keyboard.press("Space")
    expect(visitor.bot.last).to_contain_text("谢谢您确认")
    expect(page.locator("#box")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")  # the help shortcut
    expect(visitor.bot.last).to_contain_text("怎么用")
    assert said_to(site) == ["没有车位\n也没有食堂"]
    visitor.close()


def test_reload__goes_on_where_it_stopped(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site, PHONE)
    page = visitor.agree()
    visitor.write("楼下没有车位，也没有食堂")
    expect(page.locator(".choices button")).to_have_count(4)
    before = visitor.bot.all_inner_texts()
    page.reload()
    expect(page.locator(".choices button")).to_have_count(4)
    assert visitor.bot.all_inner_texts() == before
    assert visitor.own.all_inner_texts() == ["楼下没有车位，也没有食堂"]
    visitor.choose("1 都对")
    expect(visitor.bot.last).to_contain_text("谢谢您确认")
    visitor.close()


def test_offline__keeps_the_words_and_sends_them_once(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site, PHONE)
    page = visitor.agree()
    visitor.context.set_offline(True)
    visitor.write("没有食堂")
    visitor.write("没有路灯")
    expect(page.locator(".line.failed")).to_have_count(2)
    expect(page.locator("#notice")).to_have_text(ZH("chat.offline"))
    expect(page.get_by_role("button", name=ZH("chat.retry"))).to_have_count(2)
    page.get_by_role("button", name=ZH("chat.retry")).first.click(force=True)
    expect(page.locator(".line.failed")).to_have_count(2)
    assert said_to(site) == []
    visitor.context.set_offline(False)
    expect(page.locator(".line.failed")).to_have_count(0)
    expect(visitor.bot.last).to_contain_text("路灯")
    expect(page.locator("#notice")).to_be_hidden()
    assert said_to(site) == ["没有食堂", "没有路灯"]
    visitor.context.close()  # the browser itself reports the failed requests on its console


def test_lost_answer__is_asked_for_again_under_the_same_id(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site)
    page = visitor.agree()
    lost: list[str] = []

    def lose_the_first(route):  # type: ignore[no-untyped-def]
        response = route.fetch()  # the server has it
        lost.append(response.text())
        if len(lost) == 1:
            route.abort()
        else:
            route.fulfill(response=response)

    page.route("**/chat/messages*", lose_the_first)
    visitor.write("没有食堂")
    expect(visitor.bot.last).to_contain_text("已记入")
    assert said_to(site) == ["没有食堂"]
    assert len(lost) == 2
    assert lost[0] == lost[1]
    assert visitor.own.all_inner_texts().count("没有食堂") == 1
    visitor.context.close()


def test_reload_while_unsent__sends_it_once_and_shows_it_once(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site)
    page = visitor.agree()

    def lose(route):  # type: ignore[no-untyped-def]
        route.fetch()  # the server has it
        route.abort()

    page.route("**/chat/messages*", lose)
    visitor.write("没有食堂")
    expect(page.locator(".line.failed")).to_have_count(1)
    page.unroute_all(behavior="ignoreErrors")  # the page may be trying again at this very moment
    page.reload()
    expect(visitor.bot.last).to_contain_text("已记入")
    expect(visitor.own).to_have_text(["没有食堂"])  # once what waited is known to have arrived
    assert said_to(site) == ["没有食堂"]
    visitor.context.close()


def test_too_fast_or_too_long__puts_the_words_back_into_the_box(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site)
    page = visitor.agree()
    visitor.write("字" * 4_001)
    expect(page.locator("#notice")).to_contain_text("4001")
    expect(page.locator("#box")).to_have_value("字" * 4_001)
    page.evaluate("""() => { for (let n = 0; n < 30; n++) {
      document.getElementById('box').value = '没有车位' + n; document.getElementById('say').requestSubmit(); } }""")
    expect(page.locator("#notice")).to_have_text(ZH("error.chat.too_fast"))
    expect(page.locator(".line .state", has_text=ZH("chat.sending"))).to_have_count(0)
    kept = page.input_value("#box").split("\n")
    delivered = said_to(site)
    assert sorted(delivered + kept) == sorted(f"没有车位{number}" for number in range(30))
    visitor.context.close()


def test_hostile_texts__from_both_sides__are_only_text(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site, PHONE)
    page = visitor.agree()
    visitor.write(EVIL)
    expect(visitor.bot.last).to_contain_text("已记入")
    token = next(cookie["value"] for cookie in visitor.context.cookies() if cookie["name"] == "buqi_chat")
    push(site, token, EVIL, Button(EVIL, "x:<img src=x onerror=hit=1>"))
    expect(visitor.bot.last).to_have_text(EVIL)
    page.reload()
    expect(visitor.own.first).to_have_text(EVIL)
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.cookie") == ""
    visitor.close()  # no CSP report, no fault


def test_push__reaches_every_open_page_once__and_a_page_that_was_away(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site)
    page = visitor.agree()
    second = visitor.new_page()
    second.goto(site.url + "/chat")
    expect(second.locator(".line.bot > p").last).to_contain_text("谢谢您")  # its history is there before the push is
    token = next(cookie["value"] for cookie in visitor.context.cookies() if cookie["name"] == "buqi_chat")
    row = push(site, token, "请您填一份问卷", Button("好", "sv:yes"))
    for each in (page, second):
        expect(each.locator(".line.bot > p").last).to_have_text("请您填一份问卷")
        expect(each.locator(".choices button").last).to_have_text("1 好")
    until(lambda: status_of(site, row) == "sent")
    page.reload()
    expect(page.get_by_text("请您填一份问卷")).to_have_count(1)
    page.goto("about:blank")
    push(site, token, "您走开时来的")
    page.goto(site.url + "/chat")
    expect(page.get_by_text("您走开时来的")).to_have_count(1)
    visitor.close()


def test_sessions__in_two_browsers__never_meet(browser: Browser, site: Site) -> None:
    one, other = Visitor(browser, site), Visitor(browser, site)
    one.agree()
    one.write("我家楼下没有路灯")
    expect(one.bot.last).to_contain_text("已记入")
    other.agree()
    assert "我家楼下" not in other.page.content()
    one.close()
    other.close()


def test_large_type__is_remembered_and_fits_320_pixels(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site, SMALL)
    page = visitor.agree()
    visitor.write("没有车位，没有食堂")
    expect(page.locator(".choices button")).to_have_count(4)
    before = page.evaluate("getComputedStyle(document.body).fontSize")
    page.get_by_role("button", name=ZH("chat.large_label")).click()
    page.reload()
    expect(page.locator(".choices button")).to_have_count(4)
    after = page.evaluate("getComputedStyle(document.body).fontSize")
    assert float(after[:-2]) / float(before[:-2]) > 1.3
    assert page.evaluate(MEASURE) == {"small": [], "wide": 0}
    visitor.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_zoom__at_200_percent__loses_nothing(browser: Browser, site: Site, lang: str) -> None:
    """200 % on a 640 x 480 window is 320 x 240 CSS pixels."""
    visitor = Visitor(browser, site, (320, 240), device_scale_factor=2)
    page = visitor.open(f"/chat?c=P05-01&lang={lang}")
    page.locator(".choices button").first.click()
    expect(visitor.bot).to_have_count(2)
    assert page.evaluate(MEASURE) == {"small": [], "wide": 0}
    page.locator("#box").scroll_into_view_if_needed()
    visitor.write("没有车位")
    expect(visitor.bot.last).to_contain_text("已记入")
    visitor.close()


def test_without_scripts__the_chat_still_works(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site, PHONE, java_script_enabled=False)
    page = visitor.open()
    visitor.choose(ZH("chat.begin"))
    visitor.choose("1 同意")
    page.fill("#box", "没有车位")
    visitor.choose(ZH("chat.send"))
    expect(visitor.bot.last).to_contain_text("已记入石家园社区需求清单")
    visitor.choose("1 对")
    expect(visitor.bot.last).to_contain_text("谢谢您确认")
    visitor.close()


def test_a_link_from_elsewhere__keeps_the_session(browser: Browser, site: Site) -> None:
    """The strict cookie is not sent with a click on another site's link; the session must survive it."""
    visitor = Visitor(browser, site)
    page = visitor.agree()
    visitor.write("没有车位")
    expect(visitor.bot.last).to_contain_text("已记入")
    page.goto("data:text/html,<a id=go href='" + site.url + "/chat?c=P05-02'>go</a>")
    page.click("#go")
    expect(page.get_by_text("没有车位", exact=True)).to_have_count(1)
    visitor.close()
