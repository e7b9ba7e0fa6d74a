"""The terminal as a channel: for trying the conversation, and for recording transcripts.

A line is a text, a number that chooses, or a command: `/help`, `/start c-P05-01`. Buttons are shown as a numbered
list. A transcript has one line for each line said (`> `) and each line answered (`< `).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

from bot.gateway import Gateway
from bot.service import ALL
from domain.errors import AppError, InputError
from domain.messages import Capabilities, Inbound, Outbound, numbered

NAME = "console"
ACCOUNT = "console"
CAPABILITIES = Capabilities(buttons=False, max_chars=4_000, per_second=1_000.0, can_push=False)

SAID, ANSWERED = "> ", "< "

ReadLine = Callable[[], Awaitable[str | None]]  #: None at the end
WriteLine = Callable[[str], None]


def parse(raw: bytes | str, account: str, now_ms: int, *, user: str = "console", number: int = 0) -> Inbound | None:
    """One typed line as an event of `user`; None for a blank line. `number` tells lines of one millisecond apart.

    Raises:
        InputError("console.encoding"): bytes that are not UTF-8.
    """
    try:
        line = (raw if isinstance(raw, str) else raw.decode("utf-8")).strip()
    except UnicodeDecodeError as exc:
        raise InputError("console.encoding") from exc
    if not line:
        return None
    text, command, argument = line, None, ""
    if line.startswith("/") and line[1:2].isascii() and line[1:2].isalpha():
        command, _, argument = line[1:].partition(" ")
    return Inbound(
        channel=NAME,
        account=account,
        external_id=f"{now_ms}-{number}",
        user=user,
        address=user,
        at_ms=now_ms,
        text=None if command else text,
        command=command.lower() if command else None,
        argument=argument.strip(),
    )


def render(outbound: Outbound, address: str) -> list[str]:  # noqa: ARG001 - the contract's signature
    """One of our messages as lines of text, its buttons numbered."""
    return numbered(outbound).split("\n")


async def converse(
    gateway: Gateway,
    user: str,
    read_line: ReadLine,
    write_line: WriteLine,
    *,
    record: WriteLine | None = None,
    start: str | None = None,
    explain: Callable[[AppError], str] = str,
) -> int:
    """Talks until `read_line` gives None. Returns how many lines were said.

    `record` takes the transcript's lines; `start` is said first, such as "/start c-P05-01"; `explain` words a refusal.
    """
    said = 0
    while True:
        line = start if start is not None else await read_line()
        start = None
        if line is None:
            return said
        inbound = parse(line, ACCOUNT, gateway.clock(), user=user, number=said)
        if inbound is None:
            continue
        said += 1
        try:
            lines = [shown for reply in (await gateway.receive(inbound, ALL)).replies for shown in render(reply, user)]
        except AppError as error:
            lines = [explain(error)]
        for shown in lines:
            write_line(shown)
        if record is not None:
            record(SAID + line.strip())
            for shown in lines:
                record(ANSWERED + shown)


def awaited(read: Callable[[], str | None]) -> ReadLine:
    """A blocking `read` (such as `input`) as a `ReadLine`; end of file ends the conversation."""

    async def read_line() -> str | None:
        try:
            return await asyncio.to_thread(read)
        except EOFError:
            return None

    return read_line


async def converse_terminal(gateway: Gateway, user: str, community: str | None, record: Path | None) -> None:
    """Talks in this terminal until Ctrl-D. `community`: as if its link was followed; `record`: the transcript's file.

    Raises:
        InputError("file.unwritable"): the transcript cannot be written there.
    """
    with ExitStack() as stack:
        keep = None
        if record is not None:
            try:
                file = stack.enter_context(record.open("w", encoding="utf-8"))
            except OSError as exc:
                raise InputError("file.unwritable", file=str(record), fault=exc.strerror or "") from exc

            def keep(line: str) -> None:
                print(line, file=file, flush=True)

        await converse(
            gateway,
            user,
            awaited(lambda: input(SAID)),
            print,
            record=keep,
            start=f"/start c-{community}" if community else None,
            explain=gateway.service.world.texts.error,
        )
    await gateway.close()
