"""The tables, and the engine on aiosqlite (WAL, synchronous=FULL)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def _now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """All tables."""


class Resident(Base):
    """Somebody who writes to the bot."""

    __tablename__ = "resident"
    id: Mapped[int] = mapped_column(primary_key=True)
    telegram_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    community: Mapped[str | None]
    consented: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=_now)


class Conversation(Base):
    """Where the dialogue with a resident stands."""

    __tablename__ = "conversation"
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), primary_key=True)
    state: Mapped[str] = mapped_column(default="new")
    turns: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(default=_now, onupdate=_now)


class Message(Base):
    """Every update, once."""

    __tablename__ = "message"
    id: Mapped[int] = mapped_column(primary_key=True)
    update_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    text: Mapped[str]
    facility: Mapped[str]
    reply: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(default=_now)


class Need(Base):
    """One facility asked for by one message."""

    __tablename__ = "need"
    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"), index=True)
    community: Mapped[str]
    facility: Mapped[str]
    receipt: Mapped[str] = mapped_column(unique=True)


class Voice(Base):
    """One resident standing behind one facility in one community."""

    __tablename__ = "voice"
    __table_args__ = (UniqueConstraint("resident_id", "facility", "community"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"))
    facility: Mapped[str]
    community: Mapped[str]


class Counter(Base):
    """Voices per community and facility."""

    __tablename__ = "counter"
    community: Mapped[str] = mapped_column(primary_key=True)
    facility: Mapped[str] = mapped_column(primary_key=True)
    voices: Mapped[int] = mapped_column(default=0)


class Outbox(Base):
    """What was answered."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    text: Mapped[str]
    status: Mapped[str] = mapped_column(default="sent")
    created_at: Mapped[datetime] = mapped_column(default=_now)


async def open_database(file: Path) -> AsyncEngine:
    """The engine, with the tables made."""
    # a writer waits for the one before it
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}", connect_args={"timeout": 30})

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection, _record) -> None:  # type: ignore[no-untyped-def]
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    async with engine.begin() as tx:
        await tx.run_sync(Base.metadata.create_all)
    return engine
