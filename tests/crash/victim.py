"""Run as a process of its own under the write log: many messages, each acknowledged after its commit.

python -m tests.crash.victim <database> <FULL or NORMAL> <how many>
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bot.service import ALL, Received
from storage.database import Database
from tests.builders import NOW_MS, a_service, an_inbound

TEXTS = ("没有车位", "没有公交,想要食堂", "电梯坏了", "想要公园")


def main(path: Path, synchronous: str, count: int) -> None:
    """Batches of one to four messages; the acknowledged ids go into `acknowledged` beside the database."""
    database = Database(f"sqlite:///{path}", synchronous=synchronous, checkpoint_pages=1000)
    service = a_service(database)
    acknowledged = os.open(path.with_name("acknowledged"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    number = 0
    while number < count:
        batch = []
        for _ in range(1 + number % 4):
            number += 1
            user, turn = f"u{number % 16}", number // 16
            if turn == 0:
                event = an_inbound(user=user, n=number, command="start", argument="c-P05-01")
            else:
                event = an_inbound("同意" if turn == 1 else TEXTS[number % 4], user=user, n=number)
            batch.append(Received(event, ALL))
        service.handle_many(batch, NOW_MS + number * 1000)
        for item in batch:
            os.write(acknowledged, f"{item.inbound.external_id}\n".encode())
    os._exit(0)  # a power cut needs no tidy end


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
