"""Personal data goes, harmless numbers stay. All numbers are made up."""

import pytest

from nlp.mask import NUMBERS, PLACEHOLDER, mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("打13812345678找我", "打[电话]找我"),
        ("打138 1234 5678找我", "打[电话]找我"),
        ("打１３８１２３４５６７８找我", "打[电话]找我"),
        ("打138-1234-5678找我", "打[电话]找我"),
        ("打+86 13812345678", "打[电话]"),
        ("打一三八一二三四五六七八", "打[电话]"),
        ("座机0534-2345678", "座机[电话]"),
        ("家里电话是2345678", "家里电话是[电话]"),
        ("身份证371402195001011234", "身份证[身份证]"),
        ("身份证37140219500101123X吧", "身份证[身份证]吧"),
        ("身份证 371402 19500101 123X", "身份证 [身份证]"),
        ("卡号4111 1111 1111 1111", "卡号[银行卡]"),
        ("车牌鲁N12345堵门", "车牌[车牌]堵门"),
        ("鲁N·D12345是绿牌", "[车牌]是绿牌"),
        ("发到li.si@example.com", "发到[邮箱]"),
        ("微信号abc_12345", "微信号[账号]"),
        ("我叫张建国，住三号楼", "我叫[姓名]，住三号楼"),
        ("王阿姨没处锻炼", "[姓名]阿姨没处锻炼"),
        ("李女士反映", "[姓名]女士反映"),
        ("我叫郭爱国，住东区", "我叫[姓名]，住东区"),
        ("联系人：徐和平", "联系人：[姓名]"),
        ("望解决。此致敬礼 李桂兰", "望解决。此致敬礼 [姓名]"),
        ("住3-2-501，漏水", "住[门牌]，漏水"),
        ("３号楼二单元五楼东户", "３号楼[门牌]"),
    ],
)
def test_mask__personal_data__placeholder(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "12路公交2024年改了线",
        "5号楼2单元，离12345、120都说过",
        "盖了八十个车位，四百户人家，花了1200000元",
        "俺家3楼，走1500米到3路车站",
        "老先生和老师傅都说好",
        "住户2023年10月1日入住",
        "一二三四五六七",
    ],
)
def test_mask__harmless_numbers__stay(text: str) -> None:
    assert mask(text) == text


def test_placeholder__every_kind__is_known() -> None:
    kinds = {placeholder for placeholder, _, _ in NUMBERS} | {"[姓名]"}
    assert all(PLACEHOLDER.fullmatch(kind) for kind in kinds)
