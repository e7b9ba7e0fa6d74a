"""What the linear models see of a text: its words and character n-grams, each as often as it occurs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from operator import add

from nlp.tokenize import Cut

DIGITS = re.compile(r"\d+")
#: Words that speak for an intent by its definition, whatever the facility: what is wrong, wished, asked, refused. In a
#: letter their number counts as well as each word, which carries over to letters whose words the corpus lacks.
SIGNS = {
    "complains": (
        "物业 吵 扰民 噪音 噪声 臭 脏 乱停 乱扔 乱放 乱收 多收 涨价 涨到 收费 态度 不作为 不管 "
        "没人管 不理 推脱 推诿 踢皮球 占用 占道 堵 违建 私搭 私自 擅自 施工 工地 油烟 粉尘 灰尘 "
        "垃圾 投诉 举报 查处 处罚 整治 清理 制止 取缔 责令 监管 退还 承诺 虚假 欺 骗 违规 违法 "
        "违反 强制 捆绑 敷衍 糊弄 骂 凶 服务差 不干活"
    ),
    "wishes": (
        "增设 增加 新建 建一 建个 加装 安装 设个 设置 设立 配建 扩建 延长 开通 加密 引进 增开 添 "
        "配备 规划 改造 铺 修一 修个 盖 开个 腾"
    ),
    "lacks": ("没有 缺 不够 不足 太少 没处 没地 太远 只能 最近的 来回 绕 跑 唯一 一个都"),
    "broken": (
        "坏了 坏 不亮 停水 停电 停气 断网 爆 漏水 断裂 脱落 失灵 故障 跳闸 堵了 维修 抢修 修复 "
        "报修 今早 昨晚 昨夜 今天 突然 更换 恢复"
    ),
    "refuses": ("反对 不同意 不赞成 另选 另行选址 选址 迁走 撤销 停建 叫停 不要建 别建 别在"),
    "asks": (
        "请问 咨询 想问 问一下 如何 怎么办理 条件 政策 标准 补贴 材料 手续 流程 规定 依据 能否 可否 是否 哪个部门"
    ),
    "waits": ("何时 什么时候 啥时候 进展 进度 动工 开工 完工 竣工 投用 至今 迟迟 还没 公示 承诺"),
    "private": (
        "工资 老板 公司 合同 法院 官司 起诉 判决 律师 离婚 欠 贷款 银行 社保 医保 养老金 公积金 "
        "户口 身份证 驾照 违章 罚款 退款 网购 快递丢 开发商 定金 首付 退房 彩礼 股票 考试 证书 "
        "诊断 手术"
    ),
}
SIGN_OF = {word: name for name, words in SIGNS.items() for word in words.split()}
SIGN = re.compile("|".join(sorted(SIGN_OF, key=len, reverse=True)))
LETTER = 40  #: characters from which on signs are counted


def clause_features(text: str, cut: Cut) -> list[str]:
    """Words (prefixed by a blank) and character 1- to 3-grams of one normalised clause; numbers read as 0."""
    if not text.isalpha():
        text = DIGITS.sub("0", text)
    after = text[1:]
    pairs = list(map(add, text, after))
    return [*map(" ".__add__, cut(text)), *text, *pairs, *map(add, pairs, after[1:])]


def message_features(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """What only the whole message shows: how it begins and ends, whether it asks, how long it is.

    Args:
        text: normalised.
        spans: its clauses.
    """
    if not spans:
        return ["#empty"]
    first, last = spans[0][0], spans[-1][1]
    length = last - first
    whole = ["^" + text[first : first + 2], "^" + text[first : first + 1], text[last - 2 : last] + "$"]
    whole.append("#long" if length > 80 else "#middle" if length > 30 else "#short" if length > 8 else "#tiny")
    if len(spans) == 1:
        whole.append("#one")
    if "?" in text:
        whole.append("#asks")
    if "!" in text:
        whole.append("#shouts")
    return whole + _signs(text) if length > LETTER else whole


def _signs(text: str) -> list[str]:
    """How many different signs of each kind there are, up to three."""
    counts = Counter(SIGN_OF[word] for word in set(SIGN.findall(text)))
    return [f"#{name}{step}" for name, count in counts.items() for step in range(1, min(count, 3) + 1)]
