"""Ids made before the row is written, and the receipt numbers people read aloud."""

from __future__ import annotations

import secrets
from collections.abc import Callable

RECEIPT_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0/O, 1/I/L, U: read aloud and typed by hand

_EPOCH_MS = 1_735_689_600_000  # 2025-01-01 UTC
_RANDOM_BITS = 22


def new_id(now_ms: int, random_bits: Callable[[int], int] = secrets.randbits) -> int:
    """A positive 63-bit id: 41 bits of milliseconds since 2025, 22 random bits. Roughly ordered by time."""
    return ((max(now_ms - _EPOCH_MS, 0) & ((1 << 41) - 1)) << _RANDOM_BITS) | random_bits(_RANDOM_BITS)


def new_receipt(random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """Seven letters and digits such as `7KQ-2MXD`: 2 * 10^10 numbers, unique in the database."""
    number = random_bits(40) % len(RECEIPT_ALPHABET) ** 7
    letters = []
    for _ in range(7):
        number, digit = divmod(number, len(RECEIPT_ALPHABET))
        letters.append(RECEIPT_ALPHABET[digit])
    code = "".join(letters)
    return f"{code[:3]}-{code[3:]}"
