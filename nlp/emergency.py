"""Recognises people in danger by rules that rather ring once too often, with guards for what is not danger now."""

from __future__ import annotations

import re
from collections.abc import Collection

NOW = r"(?:了|着|呢|啦|正|一直|现在|快来|赶紧|怎么办|咋)"
#: One pattern per kind of the catalogue, most pressing first.
KINDS: dict[str, re.Pattern[str]] = {
    "self_harm": re.compile(
        r"不想活了?|活着(?:真|也|都)?没(?:什么|啥|有)?(?:意思|劲)|没(?:什么|啥)活头|(?:结束|了结)(?:这一切|自己)|真?不想过了|想不开|别怪我,?我(?:先)?走了|不想再醒|一(?:整)?瓶(?:安眠药|农药|药)|安眠药活不下去|想死(?!我|你)|不如死了|自杀|跳楼|寻短见|遗书|站在窗台上|不想再熬|跳下去[^。]{0,4}(?:结束|一了|解脱)|割了[^。]{0,2}刀|(?:一起|今晚就)走,?(?:算了|谁也别找)|抱着孩子一起走$|喝了?农药|轻生|一了百了|割腕"
    ),
    "elevator_trapped": re.compile(
        r"电梯[^。!?]{0,6}(?:往下掉|坠|停在[^。!?]{0,4}(?:中间|半))|困在?(?:了)?电梯|电梯(?:里|内|中|间)?[^。!?]{0,12}(?:困|关|卡)(?:着|住|了|在)[^。!?]{0,6}(?:人|老人|孩子|俺|我|里|大爷|大娘|出不来|半天|个|好几|俩|娘俩|住)"
        r"|(?:困|关|卡)(?:在|到|住在)电梯|电梯停了里面有人|电梯[^。!?]{0,14}(?:出不来|出不去|里(?:面|头)?有人)|电梯(?:里|内)?困人|(?:困|关|卡)电梯(?:里|了)|(?:轿厢|电梯)[^。!?]{0,16}(?:里(?:头|面|边)[^。!?,没]{0,8}(?:人|孕妇|老|孩子|拍门)|在里(?:面|头|边))"
    ),
    "fire": re.compile(
        r"着火|着了火|失火|起火|起了火|冒(?:着)?(?:黑|白|浓|大)?烟|(?:都是|全是|好大的?)(?:浓|黑)?烟(?!头|味)|烧起来|烧着了|窜火|火苗|火灾|大火|浓烟|爆炸|火(?:太)?大了|往外(?:冒|窜)火|电动车在烧|(?:在|正)着火|自燃|有明火|火蹿|火星子|起烟|着起来|点着了|柴火垛着"
    ),
    "gas_leak": re.compile(
        r"(?:煤气|燃气|天然气|瓦斯|液化气)(?:的)?(?:味|漏|泄漏|泄露|管(?:道)?(?:漏|泄|断|破|裂|挖))|漏(?:煤|燃|天然)?气(?!候)|(?:煤气|燃气|天然气|气)[^。!?,]{0,6}(?:泄漏|泄露)"
        r"|臭鸡蛋|(?:燃气|煤气)[^。!?]{0,8}(?:满屋|一屋)[^。!?]{0,4}味|嘶嘶[^。!?]{0,4}(?:味|响)|(?:煤气|燃气|天然气|液化气)[^。!?,]{0,4}(?:味儿?|嘶嘶)|煤气中毒|(?:燃气|煤气|气|可燃)?报警器[^。!?,]{0,4}(?:一直|不停|老|在|又)?[^。!?,]{0,2}(?:响|叫)|(?:挖|刨)(?:断|破|漏)[^。!?,]{0,6}(?:燃气|煤气|天然气)"
    ),
    "medical": re.compile(
        r"半边身子|说不出话来?|胸(?:口)?闷.{0,6}(?:汗|喘)|抽过去|叫不应|晕倒|昏倒|昏迷|晕过去|没(?:了|有)?呼吸|没(?:了)?心跳|误(?:喝|服|食)了|没动静|喘气费劲|起不来了|骨头[^。!?,]{0,5}断|(?:腿|胳膊|身子)[^。!?,]{0,4}(?:动不了|动弹不了|变形)|嘴歪|喘不(?:上|过)(?:来)?气|大出血|流(?:了)?(?:好多|很多|一地|不少|满脸)(?:的)?血|止不住血|血止不住|摔断|骨折|心脏病犯|心梗了|脑溢血|抽搐|抽风|口吐白沫"
        r"|不省人事|没反应了|叫不醒|怎么叫都不|噎(?:着|住)|溺水|掉(?:进|到)?(?:河|水|沟|坑|井)(?:里|沟)?(?:了)?|落水|触电|被电(?:着|倒|到|打)|(?<!太)救命(?!的|了)|中毒|烫伤了|快不行了|要生了|胸口疼|摔(?:倒|下)[^。!?]{0,8}(?:起不来|动不了|不动)|头破血流"
    ),
    "police": re.compile(
        r"打起来|追打|有人抢|跟着我[^。]{0,4}(?:进|上)|被人堵在|追打|踹(?:我|俺)?(?:家)?门|泼油漆|(?:拽|拖|塞)(?:上|进)车|往(?:里|屋里)爬|骗子[^。!?]{0,12}(?:转账|汇款)|打架|打人|有贼|进贼|小偷|入室|撬(?:门|锁)|抢劫|抢(?:了)?(?:我|俺)[^。]{0,6}(?:包|钱|手机)|动刀|拿(?:着)?(?:刀|菜刀|砍刀)|持刀|砍人|(?:孩子|小孩|娃|闺女|儿子|孙子|孙女)[^。!?,]{0,6}(?:丢了|不见了|找不(?:到|着)了|走丢|走失)"
        r"|(?:老人|老爷子|老太太|俺娘|俺爹|我妈|我爸|爷爷|奶奶|大爷|大娘)[^。!?,]{0,10}(?:走丢|走失|丢了|不见了|找不(?:到|着)了?)|(?:老头子|老伴|俺老头|老太婆)[^。!?]{0,14}(?:走丢|走失|找不(?:到|着))|家暴|往死里打|打(?:我|俺)(?:和|跟|娘|妈|媳妇|孩子)?|绑架|(?<!拄)拐(?:走|卖|孩子)|跟踪(?:我|俺)|砸(?:我|俺)[^。]{0,3}门"
    ),
    "traffic": re.compile(
        r"撞(?:车|人|了|倒|飞|上)|车祸|交通事故|追尾|被车(?:撞|轧|碾)|翻车|翻沟里|侧翻|相撞|撞一块|车(?:蹭|碰|撞)(?:倒)?了|砸着(?:人|车)了"
    ),
    "building_danger": re.compile(
        r"(?:墙|楼|房|房子|房顶|屋顶|阳台|棚(?!布)|围墙|脚手架|天花板|楼板|路面|地面|路)[^。!?,]{0,8}(?:要塌|快塌|塌了|塌下|坍塌|要倒|快倒|倒了|倒塌|歪了|塌陷|裂了?大)|(?:砖|外墙|瓷砖|墙皮)[^。!?,]{0,8}(?:往下掉|脱落)[^。!?]{0,8}(?:人|行人)|(?:广告牌|栏杆|招牌|外机|窗扇)[^。!?]{0,12}(?:快掉|要掉|挂在|挂着|悬)|(?:积水|水里)[^。!?,]{0,4}(?:有|带)电|阀门[^。!?,]{0,6}(?:关不上|往外冒)|电线杆[^。!?,]{0,2}倒了|配电箱[^。!?]{0,10}(?:冒|起烟|噼里啪啦)|掉砖|掉(?:下来)?(?:砖|墙皮|瓷砖|玻璃|水泥块|混凝土)[^。!?]{0,6}(?:砸|差点|下面|砖|伤)?"
        r"|(?:电线|高压线|电缆|线)[^。!?,]{0,8}(?:掉(?:地|下|在|到|了)|断了|耷拉|打火|冒火|火花)|漏电|(?:井盖|窨井盖)[^。!?,]{0,8}(?:没了|丢了|不见|被偷|不知去向|敞着|没盖|掀开|翻了|缺失)|滋滋(?:冒|响)|塌方|塌了"
    ),
}
#: Figures of speech and things that only sound like danger.
IDIOMS = re.compile(
    r"急死|累死|热死|冷死|冻死|气死|烦死|吵死|饿死|笑死|愁死|堵死|上火|恼火|冒火(?!花|星|苗)|发火|惹火|火烧眉毛|救火队|火大|想死[我你]|要命|打架似|跟打架|抢着|抢不上"
    r"|灯火|焰火|烟火气|烧烤|火爆|火了火了|闷得喘不|撞见|撞上|撞了大运|冒泡|冒烟似|嗓子冒烟|辣得[^,。]{0,4}冒烟|忙得冒烟|差点撞"
)
#: Said of the past, of what might be, of rules and lessons: no danger now.
NOT_NOW = re.compile(
    r"去年|前年|那年|年前|上(?:个)?月|上(?:周|星期|礼拜)|前几天|以前|之前|曾经|有一次|那次|那回|上回|上次|往年|好几回|好几次|过好多|多次|万一|要是|假如|如果|一旦|真要|怕|担心|担忧|恐怕|防止|预防|避免|隐患|以防"
    r"|演练|(?<!不是)演习|宣传|知识|讲座|培训|教育|学习|电影|电视|小说|新闻|听说|哪天|迟早|早晚|可能会|容易|会不会|能不能|怎么防|防火|灭火器|应急|易发|多发|频发|频繁|经常|时常|时有|总是|老是|常年|历史|赔偿|责任认定|起诉|诉讼|工伤|已经处理|处理完|理赔|判"
)
#: Danger that is never talked away by a guard when the message also says it is happening.
HAPPENING = re.compile(
    r"现在|正在|正|刚刚|刚才|这会儿?|快来|赶紧来|赶快来|救命|快点来|快派人|马上来|咋办|怎么办|咋整|了!|出不来|着呢|呢快|今[天早晚]"
)
WISHES = re.compile(
    r"想(?:给|把)?[^,。]{0,8}(?:装|建|改|换|增)|希望|建议|盼|能否|申请|请问|什么时候|何时|啥时候|咨询|规划|改造"
)
#: What is refused because it might burn does not burn.
REFUSED = re.compile(r"反对|不同意|不愿意|不能[建放装挨]|别[建放装挨搁]")
LONG = 120  #: letters tell stories: danger in them has to be said to happen now


#: Where the model sees danger and no rule named it: what the words point to, the widest last.
HINTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("self_harm", re.compile(r"遗书|跳下去|窗台上|割了|不想再熬|熬不|谁也别找|一起走|结束了|解脱|安眠药")),
    ("elevator_trapped", re.compile(r"(?:电梯|轿厢).*(?:里|人|困|关|卡|夹|我|俺|孩|老)")),
    ("traffic", re.compile(r"车(?!间|库|位)|撞|蹭倒|侧翻|斑马线")),
    ("gas_leak", re.compile(r"阀门|嘶嘶|有味|是味|燃气|煤气|气罐|表箱")),
    ("fire", re.compile(r"火|烟|(?<!发)烧|爆|糊味")),
    (
        "building_danger",
        re.compile(r"掉下|往下掉|快掉|塌|裂|(?:漏|带|有|触)电|电(?:线|杆|箱)|井|砖|广告牌|栏杆|玻璃|墙|脱落|悬|螺丝"),
    ),
    ("police", re.compile(r"偷|抢|打|刀|骂|踹|堵在|跟着我|拽|骗|爬|丢|走失|走丢|找不着|没回来|陌生|闹事|威胁")),
    ("medical", re.compile(r"血|疼|喘|倒了|摔|晕|抽|吐|烫|卡|夹|压|呛|醒|误|咬|心脏|救|骨|产|没气|脸")),
)
FICTION = re.compile(r"电视|电影|小说|写成|听成|打错")
#: Smell and leak of gas come first, whatever else is said (R15); so does somebody who may want to die.
ALWAYS = frozenset({"gas_leak", "self_harm"})
#: Where neither rule nor words tell the kind: the police take every call and pass it on.
ANY_KIND = "police"


def kind_of_danger(text: str) -> str:
    """The likeliest kind of a danger that the model recognised without a rule."""
    return next((kind for kind, pattern in HINTS if pattern.search(text)), ANY_KIND)


ANY = re.compile("|".join(pattern.pattern for pattern in KINDS.values()))


def find(text: str, kinds: Collection[str] = KINDS.keys()) -> str | None:
    """The kind of emergency a normalised message tells of, the most pressing of `kinds`, or None."""
    if len(kinds) == len(KINDS) and ANY.search(text) is None:
        return None
    for kind, pattern in KINDS.items():
        match = pattern.search(text) if kind in kinds else None
        if match and _is_now(text, kind, match):
            return kind
    return None


def _is_now(text: str, kind: str, match: re.Match[str]) -> bool:
    for idiom in IDIOMS.finditer(text):
        if idiom.start() < match.end() and match.start() < idiom.end():
            return False
    if re.search(r"(?:没|没有|不|未|无|防|别|不要|不会|[别甭]说)$", text[max(0, match.start() - 2) : match.start()]):
        return False
    if kind == "self_harm":
        return not FICTION.search(text)
    happening = HAPPENING.search(text)
    if len(text) > LONG:
        return bool(happening) and not NOT_NOW.search(text) and not WISHES.search(text)
    if NOT_NOW.search(text) or (kind == "fire" and REFUSED.search(text)):
        return False
    return bool(happening) or not WISHES.search(text) or kind == "gas_leak"
