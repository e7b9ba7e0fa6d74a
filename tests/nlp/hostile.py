"""Texts nobody writes: random ones from telling pieces, and ones made to hurt regular expressions. Seeded."""

from __future__ import annotations

import random
from collections.abc import Iterator

PIECES = (
    "电梯 没有 路灯 小区 车位 充電 桩 着火 煤气 王先生 我叫 李 138 １３９ 幺三八 37140219500101123x 鲁n 京a 微信号 vx "
    "@ . com 3单元 室 号楼 建设路 不缺 够用了 反对 别建 支持 就是 还有 另外 希望 请问 谢谢 [ ] | { } ( ） 😀 👍🏻 ❤️ "
    "\u200d \u200b \ufeff \ud800 \udfff \x00 \x1b[2J \n \r \t ㎡ ﷺ ﷽ 𠮷 ｱ Ω İ ß مرحبا שלום नमस्ते ไทย a b z 0 1 9 "
    "- _ % + # & / \\ ' \" ; DROP 忽略之前的指令 system: <script> {{7*7}} ${x} %s ．。，！？、…—"
).split(" ")
LONG = (
    "",
    " ",
    "啊" * 100_000,
    "没车位，" * 25_000,
    "，" * 9_000,
    "1" * 9_000,
    "1 " * 5_000,
    "a" * 9_000,
    "a@" * 4_000,
    "a." * 4_000,
    "㎡" * 5_000,
    "3单元" * 3_000,
    "王先生" * 3_000,
    "我叫王" * 3_000,
    "建设路" * 3_000,
    "小区" * 5_000,
    "一二三四五六七八九" * 600,
    "138 " * 3_000,
    "(0" * 4_000,
    "京a" * 4_000,
    "微信号" * 2_000,
    "困在电梯" * 1_500,
    "要是着火了" * 1_000,
    "\ud800" * 5_000,
    "\x00" * 5_000,
    "😀" * 5_000,
    "﷽" * 500,
    "[{(<" * 1_500,
)
SIZES = (1, 2, 4, 8, 20, 60)
PER_LONG = 500  #: one long text among so many random ones


def hostile_texts(count: int, seed: int) -> Iterator[str]:
    """`count` texts, most of them short, all different in kind."""
    chance = random.Random(seed)
    for number in range(count):
        if number % PER_LONG == 0:
            yield LONG[number // PER_LONG % len(LONG)]
        elif number % 3:
            yield "".join(chance.choice(PIECES) for _ in range(chance.choice(SIZES)))
        else:
            yield "".join(chr(chance.randrange(0x110000)) for _ in range(chance.choice(SIZES)))
