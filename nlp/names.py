"""Finds people's names where something around them says that they are names: "我叫…", "业主…", "…先生", "…主任"."""

from __future__ import annotations

import re
from collections.abc import Iterator

import rjieba

from nlp import tokenize

SURNAMES = frozenset(
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛范彭郎鲁韦昌马苗凤方俞任袁柳"
    "鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟黄穆萧尹姚邵汪祁毛禹狄米贝臧计伏成戴宋庞熊纪舒屈项祝"
    "董梁杜阮蓝闵席季贾路娄江童颜郭梅林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫房解应宗丁宣邓单杭洪包诸左石崔吉龚程邢滑裴陆荣"
    "翁荀甄曲封储靳段焦巴谷车侯全仲伊宫宁仇甘厉武符刘景詹束龙叶幸司白蒲卓池乔翟谭冉桑桂牛边燕尚温庄晏柴瞿阎慕茹习艾鱼向古易"
    "廖耿匡文寇广禄东殴欧沃利蔚越隆师巩聂晁敖冷辛简饶曾沙丰关游权盖益桓公丛岳帅佟闫肖覃黎严查"
)
TWO_SURNAMES = (
    "欧阳 上官 司马 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 夏侯 司徒 南宫 长孙 宇文 端木 澹台 公冶 申屠 轩辕".split()
)
TITLES = (
    "先生|女士|小姐|阿姨|大爷|大妈|大娘|大叔|大姐|大哥|奶奶|爷爷|叔叔|婶子|嫂子|师傅|老师|书记|主任|经理|医生|大夫|护士|院长|局长|警官|"
    "站长|所长|科长|处长|校长|园长|队长|律师|教授|同志|镇长|村长|区长|市长|县长|队长|老板|会计"
)
TITLE = re.compile(TITLES)
#: Behind these nothing but a name follows.
SURE = re.compile(r"(?:我叫|俺叫|名叫|姓名(?:是|为)?|联系人(?:是|为)?|户主)[:\s]{0,2}$")
#: At the end of a letter.
SIGNED = re.compile(r"(?:敬礼|敬上|落款|签名|此致)[!。,:\s]{0,3}([\u4e00-\u9fff]{2,4})\s*(?:\d|$)")
#: Behind these a name follows; the weak ones are also followed by other words.
CUE = re.compile(
    r"(?:我叫|俺叫|名叫|叫做|姓名(?:是|为)?|联系人(?:是|为)?|户主|业主|租客|租户|住户|房东|投诉人|反映人|来电人|当事人|申请人|网格员|楼长|我是|俺是|本人是?)[:\s]{0,2}"
)
HAS = re.compile(rf"{CUE.pattern}|{TITLES}|敬礼|敬上|落款|签名|此致")
CALLED = re.compile(r"[小老][" + "".join(sorted(SURNAMES)) + "]")
NOT_NAMES = frozenset(
    "班 总 主 老 小 大 全 公 东 时 水".split()
)  #: single characters that title or context make common words
NO_GIVEN_NAME = frozenset("的了是在和都不就也有没这那个们说要给")  #: what stands in no given name
RUN = re.compile(r"[\u4e00-\u9fff]+")
BACK, AHEAD = 8, 8


def find(text: str) -> Iterator[tuple[int, int]]:
    """The spans of names in a folded text."""
    if not HAS.search(text):
        return
    for cue in CUE.finditer(text):
        run = RUN.match(text, cue.end())
        if run:
            length = _first_name(run[0][:AHEAD])
            if NO_GIVEN_NAME & set(run[0][:length]):
                length = 0
            length = length or _sure_name(text[: cue.end()], run[0])
            if length:
                yield cue.end(), cue.end() + length
    for signed in SIGNED.finditer(text):
        if signed[1][0] in SURNAMES or signed[1][:2] in TWO_SURNAMES:
            yield signed.span(1)
    for title in TITLE.finditer(text):
        start = title.start()
        run = RUN.search(text[max(0, start - BACK) : start][::-1])
        if run and run.start() == 0:
            length = _last_name(run[0][::-1])
            if length and not NO_GIVEN_NAME & set(text[start - length : start]):
                yield start - length, start


def _is_word(text: str) -> bool:
    """Whether this is a word that is no person's name: the dictionary knows famous people, too."""
    return bool(rjieba.has_word(text)) and not rjieba.tag(text)[0][1].startswith("nr")


def _sure_name(before: str, words: str) -> int:
    """The length of a name behind a cue that only names follow, though its signs are also common words."""
    if not SURE.search(before):
        return 0
    own = 2 if words[:2] in TWO_SURNAMES else 1 if words[0] in SURNAMES else 0
    return min(len(words), own + 2) if own else 0


def _first_name(words: str) -> int:
    """How many characters at the start of `words` are a name; 0: none."""
    if CALLED.match(words) and not _is_word(words[:2]):
        return 2
    parts = tokenize.cut(words)
    first = parts[0]
    for double in TWO_SURNAMES:
        if words.startswith(double):
            given = words[2:]
            return 2 + (min(2, len(tokenize.cut(given)[0])) if given else 0)
    if first[0] not in SURNAMES:
        return 0
    if len(first) == 1:
        given = parts[1] if len(parts) > 1 else ""
        if 0 < len(given) <= 2 and TITLE.match(given) is None and not (len(given) == 2 and _is_word(given)):
            return 1 + len(given)
        return 0
    return len(first) if len(first) <= 3 and not _is_word(first) else 0


def _last_name(words: str) -> int:
    """How many characters at the end of `words`, which a title follows, are a name; 0: none."""
    if words[-2:] in TWO_SURNAMES:
        return 2
    if len(words) >= 2 and CALLED.fullmatch(words[-2:]):
        return 2
    parts = tokenize.cut(words)
    last = parts[-1]
    if len(last) == 1:
        before = parts[-2] if len(parts) > 1 else ""
        if len(before) == 1 and before in SURNAMES and len(parts) > 2:  # 邓 | 芳
            return 2
        if len(before) == 2 and before[0] in SURNAMES and not _is_word(before):
            return 3
        return 1 if last in SURNAMES and last not in NOT_NAMES else 0
    if last[:2] in TWO_SURNAMES and len(last) <= 4:
        return len(last)
    if last[0] in SURNAMES and len(last) <= 3 and not _is_word(last):
        return len(last)
    if len(last) == 2 and len(parts) > 1 and parts[-2] in SURNAMES:  # 邓 | 桂芳
        return 3
    return 1 if len(last) <= 3 and last[-1] in SURNAMES and not _is_word(last) else 0
