"""Ids made before the row is written, and the receipt numbers people read aloud."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable

RECEIPT_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0/O, 1/I/L, U: read aloud and typed by hand

_EPOCH_MS = 1_735_689_600_000  # 2025-01-01 UTC
_LOW_BITS = 22
_counter = itertools.count(secrets.randbits(_LOW_BITS))


def new_id(now_ms: int) -> int:
    """A positive 63-bit id: 41 bits of milliseconds since 2025, 22 bits of a counter. Roughly ordered by time.

    A batch has one `now_ms`: random low bits collided once in a few hundred full batches. The counter starts at a
    random number in every process.
    """
    return first_id(now_ms) | (next(_counter) & ((1 << _LOW_BITS) - 1))


def first_id(at_ms: int) -> int:
    """No id made at this moment or later is smaller, none made before is as large."""
    return (max(at_ms - _EPOCH_MS, 0) & ((1 << 41) - 1)) << _LOW_BITS


def _start_elsewhere() -> None:
    global _counter
    _counter = itertools.count(secrets.randbits(_LOW_BITS))


os.register_at_fork(after_in_child=_start_elsewhere)


def new_receipt(random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """Seven letters and digits such as `7KQ-2MXD`: 2 * 10^10 numbers, unique in the database."""
    number = random_bits(40) % len(RECEIPT_ALPHABET) ** 7
    letters = []
    for _ in range(7):
        number, digit = divmod(number, len(RECEIPT_ALPHABET))
        letters.append(RECEIPT_ALPHABET[digit])
    code = "".join(letters)
    return f"{code[:3]}-{code[3:]}"
