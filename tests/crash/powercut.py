"""What a disk may hold after a power cut, rebuilt from the log of all writes.

Whatever was fsynced is there. Of the writes since, a disk may have kept none, all, some, or half of one: a sector of
512 bytes is whole, and nothing else is promised.
"""

from __future__ import annotations

import random
import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HEAD = struct.Struct("=cBHIQ")
SECTOR = 512
FATES = ("none", "all", "first", "some", "torn", "shuffled")


@dataclass(frozen=True)
class Change:
    """One record of the log."""

    kind: str
    name: str
    offset: int
    content: bytes


def read_log(path: Path) -> Iterator[Change]:
    """All changes in order."""
    log, at = path.read_bytes(), 0
    while at < len(log):
        kind, name_length, _, length, offset = HEAD.unpack_from(log, at)
        at += HEAD.size
        name = log[at : at + name_length].decode()
        at += name_length
        yield Change(kind.decode(), name, offset, log[at : at + length])
        at += length


@dataclass
class File:
    """A file's fsynced bytes, and its changes since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Change] = field(default_factory=list)

    def sync(self) -> None:
        """Everything so far is on the disk."""
        for change in self.pending:
            write(self.durable, change)
        self.pending.clear()

    def image(self, fate: str, chance: random.Random) -> bytes:
        """What the disk holds after the cut."""
        kept = list(self.pending)
        if fate == "none":
            kept = []
        elif fate == "first":
            kept = kept[: chance.randint(0, len(kept))]
        elif fate in ("some", "shuffled"):
            kept = [change for change in kept if chance.random() < 0.5]
        elif fate == "torn":
            kept = kept[: chance.randint(0, len(kept))]
            if kept and kept[-1].kind == "W":
                last = kept[-1]
                half = SECTOR * chance.randint(0, len(last.content) // SECTOR)
                kept[-1] = Change("W", last.name, last.offset, last.content[:half])
        if fate == "shuffled":
            chance.shuffle(kept)
        content = bytearray(self.durable)
        for change in kept:
            write(content, change)
        return bytes(content)


def write(content: bytearray, change: Change) -> None:
    """Carries one change out."""
    if change.kind == "T":
        del content[change.offset :]
        content.extend(bytes(change.offset - len(content)))
        return
    end = change.offset + len(change.content)
    content.extend(bytes(max(0, end - len(content))))
    content[change.offset : end] = change.content


@dataclass
class Disk:
    """The database and its write-ahead log before the cut. `acknowledged`: what was promised."""

    files: dict[str, File]
    acknowledged: set[str] = field(default_factory=set)

    def take(self, change: Change) -> None:
        """One more change."""
        if change.name == "acknowledged":
            self.acknowledged.update(change.content.decode().split())
        elif change.kind == "U":
            self.files.pop(change.name, None)
        elif change.kind == "S":
            self.files.setdefault(change.name, File()).sync()
        else:
            self.files.setdefault(change.name, File()).pending.append(change)

    def cut(self, folder: Path, fate: str, chance: random.Random) -> None:
        """Writes the files as they may be found, without the shared-memory index, which SQLite rebuilds."""
        for path in folder.iterdir():
            path.unlink()
        for name, file in self.files.items():
            if not name.endswith(("-shm", ".lock")):
                (folder / name).write_bytes(file.image(fate, chance))


def lost(folder: Path, name: str, acknowledged: set[str]) -> tuple[bool, int]:
    """(sound, how many acknowledged events are not there) of an image, after SQLite's own recovery."""
    connection = sqlite3.connect(folder / name)
    try:
        sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = {row[0] for row in connection.execute("SELECT external_id FROM inbox")}
    except sqlite3.DatabaseError:
        return False, len(acknowledged)
    finally:
        connection.close()
    return sound, len(acknowledged - found)
