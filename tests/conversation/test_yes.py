"""Yes and no in the words people type."""

from __future__ import annotations

import pytest

from bot.conversation.yes import AGREES, DECLINES, HERE, NOT_HERE, says


@pytest.mark.parametrize(
    "typed",
    "对 对啊 对呀 是呀 是的呢 对对对 嗯对 嗯，对的。 就是这个 好的 可以 没错没错 嗯嗯嗯 ＯＫ 我就住这儿".split(),
)
def test_says__yes_to_a_community__is_here(typed: str) -> None:
    assert (says(HERE, typed), says(NOT_HERE, typed)) == (True, False)


@pytest.mark.parametrize("typed", "不 不是啊 不是呀 不是不是 没有 不住那 不住那儿 不对不对 错了 No".split())
def test_says__no_to_a_community__is_not_here(typed: str) -> None:
    assert (says(HERE, typed), says(NOT_HERE, typed)) == (False, True)


@pytest.mark.parametrize(
    "typed", ["", "的", "是吗", "是？", "对面", "是食堂", "不是，是堤岭", "好不好", "没有食堂", "是" * 9 + "堤"]
)
def test_says__anything_else__is_neither(typed: str) -> None:
    assert not any(says(answer, typed) for answer in (AGREES, DECLINES, HERE, NOT_HERE))


@pytest.mark.parametrize("typed", ["同意", "同意的", "我同意！", "好的好的", "行", "嗯"])
def test_says__yes_to_the_notice__agrees(typed: str) -> None:
    assert (says(AGREES, typed), says(DECLINES, typed)) == (True, False)


def test_says__long_text__is_read_once() -> None:
    assert not says(HERE, "是的" * 50_000 + "堤岭")
