"""Yes and no as people type them: to the notice, and to "do you live in X?"."""

from __future__ import annotations

import re

from surveys import flow

_YES = "同意 我同意 好 行 可以 中 嗯 是 愿意 ok yes agree"
_NO = "不同意 不 不行 不要 不愿意 算了 no"
_HERE = "对 是滴 就是 没错 这儿 这里 就这儿 就这里 就是这儿 就是这里 就是这个 我就住这儿 没变 还是这儿 here"
_NOT_HERE = "不是 不对 不是这儿 不是这里 错了 没有 不住这儿 不住这里 不住那 不住那儿 不住那里"


def _any_of(words: str) -> re.Pattern[str]:
    """One or more of the words, each drawn out as people do: "对对对", "是的呢", "嗯，对啊"."""
    longest_first = "|".join(sorted(words.split(), key=len, reverse=True))
    return re.compile(rf"(?>(?:{longest_first})[啊呀呢的哈嘛]*[\s,、]*)++")


AGREES, DECLINES = _any_of(_YES), _any_of(_NO)
HERE, NOT_HERE = _any_of(f"{_YES} {_HERE}"), _any_of(f"{_NO} {_NOT_HERE}")


def says(answer: re.Pattern[str], typed: str) -> bool:
    """Whether a text is such an answer and nothing else; one that asks back is none."""
    return not typed.rstrip().endswith(("?", "\uff1f")) and answer.fullmatch(flow.clean(typed)) is not None
