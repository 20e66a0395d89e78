"""Chinese names: nothing marks them, so they are looked for where two texts differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from samesay.decision.reasons.folding import HAN, folded, span_of
from samesay.decision.reasons.records import Conflict

# Longer texts are not compared character by character.
_LONGEST = 600
_SURNAMES = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛"
    "叶阎余潘杜戴夏钟汪田任姜"
    "范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟"
    "安颜倪严牛温芦季俞章鲁"
    "葛伍韦申尤毕聂丛焦向柳邢骆岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴"
    "席卫查屈鲍位覃霍翁隋植甘"
)
# Surnames that are mostly other words; they need a title or the like beside them.
_ALSO_WORDS = frozenset(
    "高方白常向左时关成位路任马金黄何文石安严温季易万段项游曲齐管谷查费席纪盛田江金于康牛"
)
_TITLE = re.compile(
    r"(?:先生|女士|小姐|经理|总监|老师|教授|医生|主任|律师|工程师|博士|师傅|同学|同志|主席|局长|部长|"
    r"院长|校长|董事长|总裁|秘书|警官|法官|"
    r"总(?!是|部|共|体|计|数|结|额)|工(?!作|程|厂|人|资)|某)"
)
_BEFORE = re.compile(
    r"(?:由|找|联系|联系人|负责人|经理|老师|医生|教授|主任|律师|客服|员工|同学|记者|叫|给|颁给|授予|"
    r"向|和|与|跟|请|是|把|交给|作者|"
                     r"法官|院长|校长|董事长|总裁|代表|教练|导演|演员|选手|客户|用户|先生|女士|"
                     r"[,，。：:、]|^)$")  # fmt: skip
_AFTER = re.compile(
    r"(?:负责|表示|说|称|指出|认为|宣布|将|已|在|于|担任|是|从|来自|向|被|的|签|签署|领取|购买|获|和|"
    r"与|、|,|，|。|$)"
)
_SUFFIX = re.compile(
    r"(?:市|省|县|区|镇|乡|村|州|路|街|公司|集团|银行|大学|学院|医院|法院|检察院|机场|车站|站|酒店|"
    r"中学|小学|大厦|广场|公园|港|岛|湖|山|寺|"
    r"出版社|电视台|研究所|事务所|证券|保险|科技|股份)"
)
_GENERIC = frozenset(
    "这那该本我你他她它们贵总分子母新老大小某各哪几两一二三四五六七八九十每全多旧东西南北前后左右上下"
    "内外中的了在是不没"
)
_JUST_HAN = re.compile(rf"[{HAN}]+")


def han_name_conflicts(text_a: str, text_b: str) -> Iterator[Conflict]:
    """Give pairs of names where one text has another than the other in the same place."""
    a, b = folded(text_a), folded(text_b)
    if max(len(a), len(b)) > _LONGEST:
        return
    for tag, begin, end, other_begin, other_end in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag != "replace":
            continue
        one, other = a[begin:end], b[other_begin:other_end]
        if not (_JUST_HAN.fullmatch(one) and _JUST_HAN.fullmatch(other)) or one in b or other in a:
            continue
        wider = _whole_name(a, b, (begin, end), (other_begin, other_end))
        if wider is not None:
            (begin, end), (other_begin, other_end) = wider
            yield Conflict("name", span_of(text_a, begin, end), span_of(text_b, other_begin, other_end),
                           a[begin:end], b[other_begin:other_end])  # fmt: skip


def _whole_name(
    a: str, b: str, one: tuple[int, int], other: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    words = a[slice(*one)], b[slice(*other)]
    after = a[one[1] :], b[other[1] :]
    suffixed = _SUFFIX.match(after[0]) and _SUFFIX.match(after[1]) and after[0][:1] == after[1][:1]
    if suffixed and all(2 <= len(word) <= 6 and not set(word) & _GENERIC for word in words):
        return one, other
    if all(_is_person(word, text[: place[0]], rest) for word, text, place, rest in
           zip(words, (a, b), (one, other), after, strict=True)):  # fmt: skip
        return one, other
    if one[0] and a[one[0] - 1] in _SURNAMES and all(len(word) <= 2 for word in words):
        before = a[: one[0] - 1]
        if (_BEFORE.search(before) and _AFTER.match(after[0])) or _TITLE.match(after[0]):
            return (one[0] - 1, one[1]), (other[0] - 1, other[1])
    return None


def _is_person(word: str, before: str, after: str) -> bool:
    title = _TITLE.match(after)
    if word[0] not in _SURNAMES or len(word) > 3:
        return False
    if title:
        return True
    beside = bool(_BEFORE.search(before)) + bool(_AFTER.match(after))
    return len(word) > 1 and beside >= (2 if word[0] in _ALSO_WORDS else 1)
