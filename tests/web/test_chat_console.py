"""The terminal as a channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.channels import console
from bot.gateway import Gateway
from bot.service import Service
from domain.errors import InputError
from domain.messages import Button, Outbound


@pytest.mark.parametrize(
    ("line", "text", "command", "argument"),
    [
        ("没有车位 ", "没有车位", None, ""),
        ("2", "2", None, ""),
        ("/help", None, "help", ""),
        ("/Start c-P05-01", None, "start", "c-P05-01"),
        ("/我的", "/我的", None, ""),
        ("/", "/", None, ""),
        ("1/2的路灯不亮", "1/2的路灯不亮", None, ""),
    ],
)
def test_parse__of_a_line__is_text_or_command(line: str, text: str | None, command: str | None, argument: str) -> None:
    for raw in (line, line.encode()):
        inbound = console.parse(raw, "console", 5, user="u", number=3)
        assert inbound is not None
        assert (inbound.text, inbound.command, inbound.argument) == (text, command, argument)
        assert inbound.key == ("console", "console", "5-3")


def test_parse__of_blank_and_of_foreign_bytes() -> None:
    assert console.parse(" \t\n", "console", 5) is None
    with pytest.raises(InputError, match=r"console\.encoding"):
        console.parse(b"\xff\xfe", "console", 5)


def test_render__with_buttons__numbers_them() -> None:
    outbound = Outbound("对吗？\n看看", (Button("对", "ok"), Button("不对", "no")))
    assert console.render(outbound, "u") == ["对吗？", "看看", "1. 对", "2. 不对"]


def talk(service: Service, lines: list[str], record: Callable[[str], None] | None = None) -> list[str]:
    shown: list[str] = []

    async def run() -> int:
        gateway = Gateway(service)
        rest = iter(lines)

        async def read_line() -> str | None:
            return next(rest, None)

        said = await console.converse(gateway, "u1", read_line, shown.append, record=record, start="/start c-P05-01")
        await gateway.close()
        return said

    assert asyncio.run(run()) == 1 + len([line for line in lines if line.strip()])
    return shown


def test_converse__from_the_link_to_the_receipt__records_a_transcript(sqlite_service: Service) -> None:
    transcript: list[str] = []
    shown = talk(sqlite_service, ["1", "", "没有车位", "1"], transcript.append)
    assert any("已记入石家园社区需求清单" in line for line in shown)
    assert [line for line in transcript if line.startswith("> ")] == ["> /start c-P05-01", "> 1", "> 没有车位", "> 1"]
    assert [line[2:] for line in transcript if line.startswith("< ")] == shown


def test_converse_terminal__with_an_unwritable_file__says_so(sqlite_service: Service, tmp_path: Path) -> None:
    async def run() -> None:
        gateway = Gateway(sqlite_service)
        try:
            await console.converse_terminal(gateway, "u1", None, tmp_path / "absent" / "transcript.txt")
        finally:
            await gateway.close()

    with pytest.raises(InputError, match=r"file\.unwritable"):
        asyncio.run(run())


def test_converse_terminal__until_ctrl_d__writes_the_transcript(
    sqlite_service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter(["同意", "没有车位"])

    def typed(_prompt: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)
    record = tmp_path / "transcript.txt"
    asyncio.run(console.converse_terminal(Gateway(sqlite_service), "u1", "P05-01", record))
    written = record.read_text(encoding="utf-8").splitlines()
    assert written[0] == "> /start c-P05-01"
    assert [line[2:] for line in written if line.startswith("< ")] == capsys.readouterr().out.splitlines()
