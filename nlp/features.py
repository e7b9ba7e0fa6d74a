"""What the linear models see of a text: its words and character n-grams, each once per clause or message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from nlp.tokenize import Cut

DIGITS = re.compile(r"\d+")
#: Two- and three-character signs of an intent, whatever the facility: what is wrong, wished, asked, refused.
SIGNS = {
    "complains": (
        "扰民 占道 违停 乱停 噪音 噪声 施工 乱收费 不作为 违法 非法 违规 违建 违章 搭建 投诉 态度 "
        "推诿 欺骗 欺诈 恶臭 臭味 污染 敷衍 推卸 扯皮 不合理 拒绝 拒不 擅自 强制 私自 霸占 占用 "
        "恶劣 辱骂 虚假 延期 逾期 没人管 无人管 不管 查处 取缔 整治 执法 监管 严查 油烟 粉尘 扬尘 "
        "脏乱 宰客 乱象 忽悠 收费"
    ),
    "wishes": (
        "希望 建议 增设 增加 新建 安装 修建 规划 配建 扩建 开通 加密 延长 改造 完善 加快 呼吁 "
        "恳请 能否 能不能 可否 打通 兴建 建设 加装 设置 设立 覆盖 想要 盼望"
    ),
    "lacks": "没有 缺少 不足 不够 太少 紧张 不便 不方便 太远 没地 没处 只能 绕路",
    "asks": "请问 咨询 如何 怎么办 怎样 条件 规定 政策 依据 怎么申 哪个部 是否",
    "waits": ("何时 什么时 啥时候 多久 进展 进度 几时 动工 开工 竣工 完工 交付 迟迟 至今 启动 落实 批复 公示"),
    "refuses": "反对 不同意 抵制 停建 叫停 撤销 选址 迁走 搬走 辐射 取消",
    "broken": (
        "坏了 不亮 破损 损坏 断裂 爆裂 停水 停电 断网 故障 失灵 漏水 堵塞 塌陷 脱落 维修 抢修 "
        "修复 报修 跳闸 没电 没水 断电"
    ),
    "private": (
        "工资 合同 法院 判决 补偿款 退款 退费 社保 医保 养老金 户口 身份证 派出所 贷款 诈骗 违约 "
        "举报 仲裁 执照 许可证 银行 赔偿 拖欠 欠款 征地 拆迁 低保 学籍 证书 公积金 离婚 职工"
    ),
    "elsewhere": (
        "酒店 宾馆 客房 房间 前台 入住 退房 早餐 服务员 大堂 标间 外卖 送餐 味道 好吃 难吃 口味 "
        "门票 景点 景区 餐馆 餐厅 评分 人均 性价比 差评 好评 老板娘 快递慢 股市 基金 涨幅 球队 "
        "比赛 主场 客场 新片 明星 手机壳 电影 游戏 考研 四级 高考 留学 运势 大乐透 双色球 楼盘 "
        "均价"
    ),
    "thanks": "谢谢 感谢 表扬 点赞 辛苦",
    "formal": "尊敬的 领导 您好 书记 市长 市民 来电 反映 相关部 有关部 职能",
}
WEIGHT = 2  #: how often a sign counts, beside the words that carry it
SIGN_OF = {word: name for name, words in SIGNS.items() for word in words.split()}


def clause_features(text: str, cut: Cut) -> set[str]:
    """Words (prefixed by a blank) and character 1- to 3-grams of one normalised clause; numbers read as 0."""
    if not text.isalpha():
        text = DIGITS.sub("0", text)
    found = {" " + word for word in cut(text)}
    found.update(text)
    found.update(map(str.__add__, text, text[1:]))
    found.update(map("".join, zip(text, text[1:], text[2:], strict=False)))
    return found


def message_features(text: str, spans: Sequence[tuple[int, int]], found: Iterable[set[str]]) -> list[str]:
    """What only the whole message shows: how it begins and ends, whether it asks, how long it is, what signs it gives.

    Args:
        text: normalised.
        spans: its clauses.
        found: the features of each clause.
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
    signs: dict[str, set[str]] = {}
    for clause in found:
        for word in clause & SIGN_OF.keys():
            signs.setdefault(SIGN_OF[word], set()).add(word)
    for name, words in signs.items():
        whole.extend(f"#{name}{count}" for count in range(1, min(len(words), 3) + 1) for _ in range(WEIGHT))
    return whole
