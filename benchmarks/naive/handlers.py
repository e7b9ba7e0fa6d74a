"""One message: seen before?, classify, store, count, answer. One transaction, one commit."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware, F, Router
from aiogram.filters import CommandObject, CommandStart
from aiogram.methods import SendMessage
from aiogram.types import Message as TelegramMessage
from aiogram.types import TelegramObject, Update
from sklearn.pipeline import Pipeline
from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from benchmarks.naive.tables import (
    Conversation,
    Counter,
    Message,
    Need,
    Outbox,
    Resident,
    Voice,
)

router = Router()


class DatabaseMiddleware(BaseMiddleware):
    """Answers a repeated update as before; gives every other handler a session, twice if another made the same row."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        """Takes the session factory."""
        self.sessions = sessions

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Runs the handler in its session."""
        update_id = data["event_update"].update_id
        for last in (False, True):
            try:
                async with self.sessions() as session:
                    known = await session.scalar(select(Message).where(Message.update_id == update_id))
                    if known is not None and isinstance(event, TelegramMessage):
                        return event.answer(known.reply)
                    return await handler(event, data | {"session": session})
            except IntegrityError:
                if last:
                    raise
        return None


@router.message(CommandStart(deep_link=True))
async def start(
    message: TelegramMessage,
    command: CommandObject,
    session: AsyncSession,
    event_update: Update,
) -> SendMessage:
    """A scanned QR code: /start c-P05-01 names the community."""
    resident, conversation = await _resident(session, message)
    resident.community = (command.args or "").removeprefix("c-")
    conversation.state = "consent"
    return await _finish(
        session,
        message,
        event_update,
        resident,
        "none",
        "您好！同意我们记录您的诉求吗？回复“同意”即可。",
    )


@router.message(F.text == "同意")
async def consent(message: TelegramMessage, session: AsyncSession, event_update: Update) -> SendMessage:
    """The resident agrees."""
    resident, conversation = await _resident(session, message)
    resident.consented = True
    conversation.state = "ready"
    return await _finish(
        session,
        message,
        event_update,
        resident,
        "none",
        "谢谢！小区缺什么，直接说就行。",
    )


@router.message(F.text)
async def report(
    message: TelegramMessage,
    session: AsyncSession,
    event_update: Update,
    classifier: Pipeline,
) -> SendMessage:
    """Free text: classified, stored, counted."""
    resident, conversation = await _resident(session, message)
    if not (resident.consented and resident.community):
        return await _finish(
            session,
            message,
            event_update,
            resident,
            "none",
            "请先扫描小区二维码，并回复“同意”。",
        )
    facility = str(classifier.predict([message.text or ""])[0])
    conversation.state = "reported"
    if facility == "none":
        return await _finish(session, message, event_update, resident, facility, "收到，谢谢您的留言。")
    receipt = secrets.token_hex(5).upper()
    reply = f"已记入本社区需求清单，不是12345工单。类别：{facility}，编号：{receipt}"
    return await _finish(session, message, event_update, resident, facility, reply, receipt)


async def _resident(session: AsyncSession, message: TelegramMessage) -> tuple[Resident, Conversation]:
    telegram_id = message.from_user.id if message.from_user else message.chat.id
    resident = await session.scalar(select(Resident).where(Resident.telegram_id == telegram_id))
    if resident is None:
        resident = Resident(telegram_id=telegram_id)
        session.add(resident)
        await session.flush()
        conversation = Conversation(resident_id=resident.id, turns=0)
        session.add(conversation)
        return resident, conversation
    return resident, await session.get_one(Conversation, resident.id)


async def _finish(
    session: AsyncSession,
    telegram: TelegramMessage,
    update: Update,
    resident: Resident,
    facility: str,
    reply: str,
    receipt: str | None = None,
) -> SendMessage:
    """Stores message, need, voice, counter, conversation and outbox row, commits, answers."""
    message = Message(
        update_id=update.update_id,
        resident_id=resident.id,
        text=telegram.text or "",
        facility=facility,
        reply=reply,
    )
    session.add(message)
    conversation = await session.get_one(Conversation, resident.id)
    conversation.turns += 1
    session.add(Outbox(resident_id=resident.id, text=reply))
    if receipt is not None and resident.community:
        await session.flush()
        session.add(
            Need(
                message_id=message.id,
                community=resident.community,
                facility=facility,
                receipt=receipt,
            )
        )
        await _voice(session, resident.id, resident.community, facility)
    await session.commit()
    return telegram.answer(reply)


async def _voice(session: AsyncSession, resident_id: int, community: str, facility: str) -> None:
    """Counts the resident once per community and facility."""
    mine = (
        Voice.resident_id == resident_id,
        Voice.facility == facility,
        Voice.community == community,
    )
    if await session.scalar(select(Voice.id).where(*mine)) is not None:
        return
    session.add(Voice(resident_id=resident_id, facility=facility, community=community))
    one = insert(Counter).values(community=community, facility=facility, voices=1)
    await session.execute(
        one.on_conflict_do_update(
            index_elements=["community", "facility"],
            set_={"voices": Counter.voices + one.excluded.voices},
        )
    )
