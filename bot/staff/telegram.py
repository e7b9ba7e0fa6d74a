"""The staff bot's loop at the Bot API; the only home of python-telegram-bot, which is imported when it starts.

The library's own polling acknowledges updates before they are handled, so the loop is ours: an update is handled and
committed, its answer sent, and only then does the offset pass it. A process that dies before that meets the update
again: it acts once (inbox) and is answered anew from the rows. Updates are handled in order, a worker's one by one.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.conversation.context import World
from bot.gateway import Gateway
from bot.staff.counter import Asked, Counter
from domain.errors import ConfigError
from domain.messages import Outbound
from storage.database import Database
from storage.vault import Vault

if TYPE_CHECKING:
    from telegram import Bot, InlineKeyboardMarkup, Update

log = logging.getLogger("buqi.staff")

TELEGRAM = "https://api.telegram.org"
AT_MOST = 20  #: updates fetched at once: no more can be answered twice after a crash
ALLOWED = ["message", "callback_query"]
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
LONGEST_SEND_WAIT_S = 30.0  #: an answer held back longer is given up: the work is done, the worker asks again
SEND_TRIES = 3
SHORT_LABEL = 6  #: buttons with labels up to this length stand four in a row, others two


async def run(
    token: str,
    base_url: str | None,
    gateway: Gateway,
    database: Database,
    world: World,
    vault: Vault,
    clock: Callable[[], int],
    poll_s: int = 25,
) -> None:
    """Serves the workers until cancelled.

    Args:
        base_url: of the Bot API server, without `/bot`; Telegram's own when None.
        poll_s: seconds one getUpdates may wait.

    Raises:
        ConfigError("staff.token"): Telegram refuses the token.
    """
    from telegram import Bot
    from telegram.request import HTTPXRequest

    _quiet()
    account = token.partition(":")[0]  # the part of the token that is no secret
    bot = Bot(
        token,
        base_url=(base_url or TELEGRAM).rstrip("/") + "/bot",
        request=HTTPXRequest(connection_pool_size=4, read_timeout=15, connect_timeout=10),
        get_updates_request=HTTPXRequest(connection_pool_size=1, read_timeout=10, connect_timeout=10),
    )
    loop = _Loop(bot, gateway, Counter(database, world, vault, account), world, clock, poll_s)
    try:
        await loop.start()
        await loop.serve()
    finally:
        await loop.stop()


def _quiet() -> None:
    """Keeps the token (part of every URL) and what workers write out of the logs."""
    for name in ("httpx", "httpcore", "telegram"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    # the library would rather parse the updates itself, and lose a whole batch for a single odd one
    warnings.filterwarnings("ignore", message=r"Please use 'Bot\.getUpdates'")
    warnings.filterwarnings("ignore", message=r".*attribute `retry_after`")


class _Loop:
    """One bot being served."""

    def __init__(
        self,
        bot: Bot,
        gateway: Gateway,
        counter: Counter,
        world: World,
        clock: Callable[[], int],
        poll_s: int,
    ) -> None:
        self._bot = bot
        self._poll_s = poll_s
        self._gateway = gateway
        self._counter = counter
        self._world = world
        self._clock = clock
        self._offset = 0

    async def start(self) -> None:
        """Knows who we are, and takes updates away from a webhook somebody may have set."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._bot.initialize()
                await self._bot.delete_webhook()
                log.info("staff.started")
                return
            except Exception as exc:
                pause = await self._wait(exc, pause)

    async def serve(self) -> None:
        """Fetch, handle, answer; then the next."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                updates = await self._fetch(self._poll_s, AT_MOST)
                pause = FIRST_PAUSE_S
            except Exception as exc:
                pause = await self._wait(exc, pause)
                continue
            for raw in updates:
                await self._handle(raw)
                self._offset = int(str(raw["update_id"])) + 1

    async def stop(self) -> None:
        """Tells Telegram how far we came, so that nothing is answered twice after a restart; lets go of connections."""
        try:
            if self._offset:
                async with asyncio.timeout(2):
                    await self._fetch(0, 1)
        except Exception as exc:
            log.info("staff.offset_not_told", extra={"reason": type(exc).__name__})
        finally:
            await self._bot.shutdown()

    async def _fetch(self, wait_s: int, limit: int) -> list[dict[str, object]]:
        """Raw updates from our offset on; asking for them acknowledges all before it."""
        found = await self._bot.do_api_request(
            "getUpdates",
            api_kwargs={"offset": self._offset, "timeout": wait_s, "limit": limit, "allowed_updates": ALLOWED},
            read_timeout=wait_s + 10,
        )
        if not isinstance(found, list):
            raise ValueError("updates are a list")
        updates = [raw for raw in found if isinstance(raw, dict) and isinstance(raw.get("update_id"), int)]
        return sorted(updates, key=lambda raw: raw["update_id"])

    async def _wait(self, exc: Exception, pause: float) -> float:
        """Waits as long as the fault asks for; the next pause.

        Raises:
            ConfigError("staff.token"): waiting does not help.
        """
        from telegram.error import Conflict, EndPointNotFound, InvalidToken, RetryAfter

        if isinstance(exc, (InvalidToken, EndPointNotFound)):
            raise ConfigError("staff.token") from None  # the library's message carries the token
        reason = type(exc).__name__
        if isinstance(exc, RetryAfter):
            pause = max(pause, _seconds(exc))
        if isinstance(exc, Conflict):  # another process polls with this token
            reason = "another poller"
        log.warning("staff.unreachable", extra={"reason": reason, "pause_s": pause})
        await asyncio.sleep(pause)
        return min(pause * 2, LONGEST_PAUSE_S)

    # one update

    async def _handle(self, raw: dict[str, object]) -> None:
        """Handles and answers one update. Comes back only when it is committed, or can never be handled."""
        from telegram import Update

        try:
            update = Update.de_json(raw, self._bot)
        except Exception as exc:  # of a shape the library does not know: never ours
            log.warning("staff.update_unreadable", extra={"update": raw["update_id"], "reason": type(exc).__name__})
            return
        query = update.callback_query
        if query is not None:  # at once: it stops the button's spinner, and expires soon
            await self._send(query.answer)
        chat = update.effective_chat
        if chat is None or update.effective_user is None:
            return
        if chat.type != "private":
            if update.message is not None and (update.message.text or "").startswith("/"):
                await self._say(update, Outbound(self._world.texts("staff.private_only")))
            return
        await self._say(update, await self._commit(_asked(update)))

    async def _commit(self, asked: Asked) -> Outbound:
        """The answer, once it is in the database; an outage is waited out."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                return await self._gateway.run(lambda: self._counter.answer(asked, self._clock()))
            except Exception as exc:
                log.error("staff.database", extra={"reason": type(exc).__name__, "pause_s": pause})
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _say(self, update: Update, outbound: Outbound) -> None:
        """A press changes its message, anything else gets a new one."""
        from telegram import LinkPreviewOptions

        chat = update.effective_chat
        assert chat is not None
        no_preview = LinkPreviewOptions(is_disabled=True)  # Telegram's servers would visit residents' links
        keyboard = _keyboard(outbound)
        query = update.callback_query
        if query is not None and query.message is not None:
            message_id = query.message.message_id
            edited = await self._send(
                lambda: self._bot.edit_message_text(
                    outbound.text, chat.id, message_id, reply_markup=keyboard, link_preview_options=no_preview
                )
            )
            if edited:
                return
        await self._send(
            lambda: self._bot.send_message(
                chat.id, outbound.text, reply_markup=keyboard, link_preview_options=no_preview, protect_content=True
            )
        )

    async def _send(self, call: Callable[[], Awaitable[object]]) -> bool:
        """One call to the Bot API with patience; False only when a message cannot be edited any more.

        A lost answer is no lost work: it is committed, and the worker can ask again.
        """
        from telegram.error import BadRequest, NetworkError, RetryAfter

        for attempt in range(1, SEND_TRIES + 1):
            try:
                await call()
                return True
            except BadRequest as exc:
                if "edited" in exc.message or "to edit" in exc.message:
                    return False
                if "not modified" not in exc.message:
                    log.info("staff.call_refused", extra={"reason": "BadRequest"})
                return True
            except RetryAfter as exc:
                wait_s = _seconds(exc)
                if wait_s > LONGEST_SEND_WAIT_S or attempt == SEND_TRIES:
                    log.warning("staff.answer_given_up", extra={"retry_after_s": wait_s})
                    return True
                await asyncio.sleep(wait_s)
            except NetworkError as exc:
                if attempt == SEND_TRIES:
                    log.warning("staff.answer_given_up", extra={"reason": type(exc).__name__})
                    return True
                await asyncio.sleep(FIRST_PAUSE_S)
            except Exception as exc:  # blocked, deleted: nobody to answer; anything else must not stop the loop
                log.info("staff.call_refused", extra={"reason": type(exc).__name__})
                return True
        return True


def _asked(update: Update) -> Asked:
    user = update.effective_user
    assert user is not None
    query = update.callback_query
    text = update.message.text if update.message is not None and update.message.text is not None else ""
    return Asked(str(update.update_id), str(user.id), text, None if query is None else query.data or "")


def _keyboard(outbound: Outbound) -> InlineKeyboardMarkup | None:
    from telegram import InlineKeyboardButton, InlineKeyboardMarkup

    if not outbound.buttons:
        return None
    buttons = [InlineKeyboardButton(button.label, callback_data=button.payload) for button in outbound.buttons]
    width = 4 if all(len(button.label) <= SHORT_LABEL for button in outbound.buttons) else 2
    return InlineKeyboardMarkup([buttons[start : start + width] for start in range(0, len(buttons), width)])


def _seconds(exc: object) -> float:
    """`retry_after` of the library: seconds, or a timedelta in its versions to come."""
    value = getattr(exc, "retry_after", 0)
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
