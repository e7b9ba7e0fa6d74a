"""Letters again with noise that says nothing: invented addresses, polite openings and endings, in every intent alike.

Hotline notes are full of districts, roads, estates and of phrases such as 存在安全隐患, which occur in complaints,
needs and faults. Imagined letters have too few of them to be ignored by chance; copies with random ones teach that they
decide nothing. The corpus itself holds no such copies; they exist only while a model is learnt.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from nlp.corpus import Sample

COPIES = 2  #: of each letter or note, beside itself
ADDRESSED, OPENED, ENDED, ENDED_TWICE = 0.75, 0.8, 0.8, 0.48  #: how often a copy gets each noise
_SIGNS = (
    "东西南北中新老大小上下长永安平兴华福德仁义和文武金银玉龙凤海江河湖山石林花梅兰竹菊桃李松柏春秋光明建设解放人民胜利团结友谊星月云天元宝康乐富贵祥瑞"
    "盛景丽美秀水清泉溪沙滨湾港岛城关桥塘坡岭丰泰昌隆信达通顺利民生学府书院双三五七八红白青黄紫翠碧绿"
)
_DISTRICTS = "区 县 市 镇 街道".split()
_ROADS = "路 街 大道 巷 一横路 二街 东路 西路 南路 北路 中路".split()
_ESTATES = (
    "小区 花园 家园 公寓 苑 城 府 湾 新村 宿舍 大厦 广场 国际 新城 公馆 佳苑 安置房 家属院 名邸 华庭 一期 二期".split()
)
_HOUSES = "栋 号楼 幢".split()
_NEARBY = (
    "小学 幼儿园 医院 菜市场 农贸市场 公园 超市 中学 公交站 加油站 派出所 广场 酒店 银行 居委会 社区 邮局 "
    "停车场 学校 药店 饭店 大桥 车站 村委会"
).split()
_BESIDE = "旁边 对面 附近 门口 后面 路口 处 边上 前面 旁 隔壁".split()
_OPENINGS = (
    "其表示 其称 其反映 来电反映 市民来电反映 其是该处居民 其是该小区业主 其居住在此 来电人称 网友反映 "
    "尊敬的领导 您好 领导好 尊敬的市长 尊敬的书记您好 我是一名普通市民 本人系该小区业主 "
    "我们是该小区全体业主 我是附近居民 市民反映 来电投诉 业主来电 群众反映 网格员上报 居委会来电反映"
).split()
_ENDINGS = (
    "请核实处理 请相关部门核实处理 望有关部门尽快处理 希望职能局处理 故来电反映 故来电投诉 其认为不合理 "
    "其表示不合理 存在安全隐患 存在很大的安全隐患 给居民生活带来不便 影响出行 影响居民生活 "
    "严重影响周边居民 多次反映未果 向物业反映无果 已多次拨打12345 至今没有回复 盼回复 望回复 谢谢 感谢 "
    "请领导重视 请领导过问 希望得到重视 请给予答复 请尽快落实 特此反映 请区政府核实处理 敬请回复 "
    "望领导明察 请及时联系市民 要求回复 希望工作人员尽快联系 请帮忙协调 望解决 请尽快解决 多谢了 "
    "恳请领导关注 请问怎么处理 请问由哪个部门负责"
).split()


def with_noise(samples: Sequence[Sample], seed: int) -> tuple[list[Sample], list[Sample]]:
    """The samples, and copies of the letters and notes among them with other noise; a letter and its copies weigh one.

    Equal samples and seed give equal copies. The spans of copies say what is meant, not where.
    """
    chance = random.Random(seed)
    shared = [
        sample._replace(weight=sample.weight / (COPIES + 1)) if sample.register in ("letter", "note") else sample
        for sample in samples
    ]
    letters = [sample for sample in shared if sample.register in ("letter", "note")]
    return shared, [sample._replace(text=_noisy(sample.text, chance)) for _ in range(COPIES) for sample in letters]


def _noisy(text: str, chance: random.Random) -> str:
    if chance.random() < ADDRESSED:
        at = 0
        if text.startswith(("尊敬", "您好", "领导")) or chance.random() < 0.3:
            at = min((place for place in (text.find("，"), text.find(",")) if place > 0), default=-1) + 1
        text = text[:at] + _address(chance) + text[at:]
    if chance.random() < OPENED:
        text = chance.choice(_OPENINGS) + chance.choice("，:, ") + text
    for often in (ENDED, ENDED_TWICE):
        if chance.random() < often:
            text = text.rstrip("。.!！") + "，" + chance.choice(_ENDINGS)
    return text


def _address(chance: random.Random) -> str:
    parts = []
    if chance.random() < 0.6:
        parts.append(_name(chance, 2, 2) + chance.choice(_DISTRICTS))
    if chance.random() < 0.6:
        number = f"{chance.randint(1, 600)}号" if chance.random() < 0.5 else ""
        parts.append(_name(chance, 2, 3) + chance.choice(_ROADS) + number)
    if chance.random() < 0.5:
        house = f"{chance.randint(1, 40)}{chance.choice(_HOUSES)}" if chance.random() < 0.4 else ""
        parts.append(_name(chance, 2, 4) + chance.choice(_ESTATES) + house)
    if chance.random() < 0.35:
        parts.append(_name(chance, 2, 3) + chance.choice(_NEARBY) + chance.choice(_BESIDE))
    return "".join(parts)


def _name(chance: random.Random, shortest: int, longest: int) -> str:
    return "".join(chance.choice(_SIGNS) for _ in range(chance.randint(shortest, longest)))
