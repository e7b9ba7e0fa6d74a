"""The web chat over real HTTP: contract, repeats, forged requests, limits, isolation, pushes."""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import Generator, Iterator

import httpx
import pytest

from bot.service import Service
from domain.texts import load_texts
from tests.web.chatsite import Site, a_site, agreed, push, say, status_of, until

ZH = load_texts("zh")
EVIL = "<script>window.hit=1</script><img src=x onerror=window.hit=1>\"'&{{7*7}}</textarea>没有车位"


@pytest.fixture
def site(sqlite_service: Service) -> Iterator[Site]:
    with a_site(sqlite_service) as found:
        yield found


@pytest.fixture
def either_site(service: Service) -> Iterator[Site]:
    """On SQLite and on PostgreSQL."""
    with a_site(service) as found:
        yield found


def texts_of(client: httpx.Client) -> list[tuple[str, str]]:
    return [(line["by"], line["text"]) for line in client.get("/chat/history").json()["lines"]]


def refusal(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert body["message"] == ZH.sentences["error." + body["error"]] or "{" in ZH.sentences["error." + body["error"]]
    return response.status_code, body["error"]


# contract


def test_messages__for_a_newcomer__show_the_notice_and_set_a_strict_cookie(site: Site) -> None:
    client = site.client()
    response = say(client, command="start")
    replies = response.json()["replies"]
    assert [button["payload"] for button in replies[0]["buttons"]] == ["consent:yes", "consent:no"]
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    assert len(client.cookies["buqi_chat"]) == 32


def test_cookie__when_configured__is_secure(sqlite_service: Service) -> None:
    with a_site(sqlite_service, secure_cookies=True) as site:
        assert "secure" in say(site.client(), command="start").headers["set-cookie"].lower()


def test_page__by_itself__sets_no_cookie(site: Site) -> None:
    """A link from elsewhere hides the strict cookie; a new one must not cut off the old session."""
    for path in ("/", "/chat", "/chat?c=P05-01", "/chat/history"):
        response = site.client().get(path)
        assert response.status_code == 200
        assert "set-cookie" not in response.headers
    assert "set-cookie" in site.client(**{"X-Buqi-Page": "1"}).get("/chat/history").headers


def test_deep_link__after_consent__has_set_the_community(site: Site) -> None:
    history = agreed(site, "P05-02").get("/chat/history").json()
    assert history["consented"] is True
    assert history["community"] == "肖何庄社区"


def test_history__after_a_need__has_both_sides_in_order_and_the_buttons(either_site: Site) -> None:
    site = either_site
    client = agreed(site)
    replies = say(client, text="我们这儿没有车位").json()["replies"]
    history = client.get("/chat/history").json()
    assert [line["by"] for line in history["lines"]] == ["bot", "bot", "resident", "bot"]
    assert history["lines"][-2]["text"] == "我们这儿没有车位"
    assert history["lines"][-1]["text"] == replies[-1]["text"]
    assert history["buttons"] == replies[-1]["buttons"]


def test_history__of_a_long_chat__ends_at_fifty_lines(site: Site) -> None:
    client = agreed(site)
    token = client.cookies["buqi_chat"]
    for number in range(60):
        push(site, token, f"第{number}条")
    lines = client.get("/chat/history").json()["lines"]
    assert len(lines) == 50
    assert lines[-1]["text"] == "第59条"


def test_page__with_and_without_lang__speaks_chinese_first(site: Site) -> None:
    client = site.client()
    assert '<html lang="zh-CN">' in client.get("/chat").text
    assert '<html lang="en">' in client.get("/chat?lang=en").text
    home = client.get("/").text
    assert home.count("<option") == 1 + len(site.services.world.city.tree.all_communities)
    assert "/planner" in home
    assert ZH("chat.demo_hint") not in home


def test_pages__of_a_demo_database__say_so(sqlite_service: Service) -> None:
    with a_site(sqlite_service, demo=True) as site:
        for path in ("/", "/chat"):
            assert ZH("chat.demo_hint") in site.client().get(path).text


# repeats


def test_messages__with_the_same_id__answer_the_same_bytes_and_count_once(site: Site) -> None:
    client = agreed(site)
    first = say(client, id="same-id-0001", text="没有车位")
    again = [say(client, id="same-id-0001", text="没有车位") for _ in range(3)]
    assert {response.content for response in again} == {first.content}
    assert [by for by, _ in texts_of(client)].count("resident") == 1


def test_messages__with_somebody_elses_id__are_their_own(site: Site) -> None:
    one, other = agreed(site), agreed(site, "P05-02")
    said = say(one, id="same-id-0001", text="没有车位").json()
    answered = say(other, id="same-id-0001", text="你好").json()
    assert said != answered
    assert ("resident", "没有车位") not in texts_of(other)


# isolation


def test_history__of_another_session__is_never_shown(site: Site) -> None:
    one, other = agreed(site), agreed(site)
    say(one, text="我家楼下没有路灯")
    for client in (
        other,
        site.client(),
        site.client(Cookie="buqi_chat=" + "0" * 32),
        site.client(Cookie="buqi_chat=x"),
    ):
        assert "路灯" not in client.get("/chat/history").text
        assert "路灯" not in client.get("/chat").text
    assert "路灯" in one.get("/chat").text


def test_forgetting__empties_the_page(site: Site) -> None:
    client = agreed(site)
    say(client, text="没有车位")
    say(client, button="forget:yes")
    assert client.get("/chat/history").json()["lines"] == []


# forged, broken and excessive requests


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"]
)
@pytest.mark.parametrize("form", [False, True])
def test_messages__from_another_site__are_refused(site: Site, origin: str, form: bool) -> None:
    client = agreed(site)
    before = texts_of(client)
    headers = {"Origin": origin} if origin else {}
    client.headers.pop("Origin")
    fields = {"id": secrets.token_hex(8), "text": "没有车位"}
    sent = (
        client.post("/chat/messages", data=fields, headers=headers)
        if form
        else client.post("/chat/messages", json=fields, headers=headers)
    )
    assert refusal(sent) == (403, "chat.origin")
    assert texts_of(client) == before


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", ""])
def test_messages__of_another_content_type__are_refused(site: Site, kind: str) -> None:
    body = json.dumps({"id": "12345678", "text": "没有车位"}).encode()
    sent = site.client().post("/chat/messages", content=body, headers={"Content-Type": kind})
    assert refusal(sent) == (400, "chat.format")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nonsense",
        b'"\xff"',
        b"[" * 20_000,
        b'{"id":"12345678"}',
        b'{"id":"12345678","text":"a","button":"b"}',
        b'{"id":"short","text":"a"}',
        b'{"id":"12345678","text":5}',
        b'{"id":"12345678","text":"a","user":"other"}',
        b'{"id":"12345678","button":""}',
        b'{"id":"12345678","command":"Rm -rf"}',
        b'{"id":"12345678","text":"a","argument":"b"}',
        b'{"id":"../../../etc","text":"a"}',
        json.dumps({"id": "12345678", "button": "b" * 65}).encode(),
    ],
)
def test_messages__of_a_broken_body__are_refused_with_a_sentence(site: Site, body: bytes) -> None:
    sent = site.client().post("/chat/messages", content=body, headers={"Content-Type": "application/json"})
    assert refusal(sent) == (400, "chat.format")


def test_messages__too_large_or_too_long_or_empty__are_refused_politely(site: Site) -> None:
    client = agreed(site)
    assert refusal(say(client, text="字" * 30_000)) == (413, "chat.body")
    assert refusal(say(client, text="字" * 4_001)) == (400, "chat.too_long")
    assert "4001" in say(client, text="字" * 4_001).json()["message"]
    assert refusal(say(client, text=" \n\x00 ")) == (400, "chat.empty")
    assert say(client, text="字" * 4_000).status_code == 200


def test_messages__too_fast__are_refused_until_later(site: Site) -> None:
    client = agreed(site)
    codes = [say(client, text="你好").status_code for _ in range(40)]
    assert codes[:18] == [200] * 18
    late = next(response for response in (say(client, text="你好") for _ in range(5)) if response.status_code != 200)
    assert refusal(late) == (429, "chat.too_fast")
    assert int(late.headers["retry-after"]) >= 1
    assert say(agreed(site), text="你好").status_code == 200  # others are not held up


def test_errors__in_english__are_english(site: Site) -> None:
    sent = site.client().post("/chat/messages?lang=en", content=b"", headers={"Content-Type": "application/json"})
    assert sent.json()["message"] == load_texts("en")("error.chat.format")


def test_every_answer__carries_the_security_headers(site: Site) -> None:
    client = agreed(site)
    for response in (client.get("/chat"), client.get("/"), client.get("/chat/history"), say(client, text="你好")):
        assert "script-src 'self'" in response.headers["content-security-policy"]
        assert "unsafe" not in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"


# without scripts


def test_form__without_scripts__talks_and_comes_back_to_the_page(site: Site) -> None:
    client = site.client()
    for fields in (
        {"id": "form-0001", "command": "start", "argument": "c-P05-01"},
        {"id": "form-0002", "button": "consent:yes", "text": ""},
        {"id": "form-0003", "text": EVIL},
        {"id": "form-0003", "text": EVIL},
    ):
        sent = client.post("/chat/messages?lang=zh", data=fields)
        assert (sent.status_code, sent.headers["location"]) == (303, "/chat?lang=zh")
    page = client.get("/chat").text
    assert page.count(html.escape("<script>window.hit")) == 1
    assert "<script>window.hit" not in page
    assert 'name="button" value="ok:' in page


def test_form__when_refused__keeps_the_text_in_the_box(site: Site) -> None:
    client = agreed(site)
    text = "</textarea><b>" + "字" * 4_000
    sent = client.post("/chat/messages", data={"id": "form-0001", "text": text})
    assert sent.status_code == 400
    assert html.escape(text, quote=False) in sent.text
    assert "</textarea><b>" not in sent.text
    assert "4014" in sent.text


# pushes


def stream(client: httpx.Client, last: str | None = None) -> Generator[tuple[str, dict[str, object]], None, None]:
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", "/chat/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        at = ""
        for line in response.iter_lines():
            if line.startswith("id: "):
                at = line[4:]
            elif line.startswith("data: "):
                yield at, json.loads(line[6:])


def test_events__of_a_waiting_and_a_new_push__arrive_once_and_are_marked_sent(either_site: Site) -> None:
    site = either_site
    client, other = agreed(site), agreed(site)
    token = client.cookies["buqi_chat"]
    first = push(site, token, "请您填一份问卷\n<b>两行</b>")
    events = stream(client)
    _, event = next(events)
    assert event == {"id": str(first), "text": "请您填一份问卷\n<b>两行</b>", "buttons": []}
    until(lambda: status_of(site, first) == "sent")
    foreign = push(site, other.cookies["buqi_chat"], "别人的")
    second = push(site, token, "第二条")
    site.services.hub.wake()
    at, event = next(events)
    assert event["id"] == str(second)
    until(lambda: status_of(site, second) == "sent")
    assert status_of(site, foreign) == "ready"
    events.close()
    until(lambda: site.services.hub.owners == ())
    # a page that comes back is shown what it may have missed; it knows repeats by their id
    back = stream(client, last=at)
    assert {next(back)[1]["id"], next(back)[1]["id"]} == {str(first), str(second)}
    back.close()


def test_events__without_a_session__end_at_once(site: Site) -> None:
    assert site.client().get("/chat/events").status_code == 204


def test_events__beyond_eight_pages_of_one_session__close_the_oldest(site: Site) -> None:
    client = agreed(site)
    owner = site.services.vault.fingerprint("webchat", "web", client.cookies["buqi_chat"])
    clients = [site.client(Cookie=f"buqi_chat={client.cookies['buqi_chat']}") for _ in range(9)]
    opened = []
    for number, page in enumerate(clients):
        context = page.stream("GET", "/chat/events")
        opened.append((context, context.__enter__()))
        until(lambda wanted=min(number + 1, 8): len(site.services.hub._pages.get(owner, [])) == wanted)  # type: ignore[misc]
    assert "".join(opened[0][1].iter_text()).startswith("retry:")  # this one has ended
    for context, _ in opened:
        context.__exit__(None, None, None)


def test_hub__when_closed__ends_every_stream(site: Site) -> None:
    client = agreed(site)
    with client.stream("GET", "/chat/events") as response:
        until(lambda: len(site.services.hub.owners) == 1)
        site.server.servers[0].get_loop().call_soon_threadsafe(site.services.hub.close)
        assert list(response.iter_text())


@pytest.mark.parametrize("path", ["/nowhere", "/planner/nowhere", "/static/nowhere.js"])
def test_unknown_path__for_a_person__is_a_page__for_a_program_json(site: Site, path: str) -> None:
    page = site.client().get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert page.text.index("没有这个页面") < page.text.index("There is no such page")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    answer = site.client().get(path + "?lang=en")
    assert answer.status_code == 404
    assert answer.json() == {"error": "web.lost.title", "message": "There is no such page"}


def test_wrong_method__says_what_is_allowed(site: Site) -> None:
    answer = site.client().get("/chat/messages")
    assert (answer.status_code, answer.json()["error"], answer.headers["allow"]) == (405, "web.method", "POST")
