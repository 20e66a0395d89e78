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
    "符麦蒙缪解蒲戎胥苑滕栾瞿阮狄衡柴蓝褚蔺冉晏阚敖卞车仇储楚党刁窦封伏盖巩古官桂桓花吉计荆居蒯况练娄麻满茅米闵穆"
    "宁农濮浦戚裘饶荣桑沙单商尚佘寿双司宿谈檀屠闻巫奚忻鄢闫燕应雍虞喻郁元云臧湛仲竺卓宗祖帅全丘练隆原幸桑"
)
# Surnames that are mostly other words; they need a title or the like beside them.
_ALSO_WORDS = frozenset(
    "解车储楚党封盖古官花吉计居况练满米宁农荣沙单商尚寿双司宿谈闻应元云祖全原幸隆仇蓝"
    "高方白常向左时关成位路任马金黄何文石安严温季易万段项游曲齐管谷查费席纪盛田江金于康牛"
)
_TWO_CHARACTER_SURNAME_LIST = """
    欧阳 司马 上官 诸葛 皇甫 令狐 慕容 司徒 夏侯 尉迟 公孙 端木 百里 东郭 南宫 轩辕 呼延 独孤 宇文 长孙
"""
_TWO_CHARACTER_SURNAMES = frozenset(_TWO_CHARACTER_SURNAME_LIST.split())
# Words that begin with a surname and are none.
_NO_PEOPLE_LIST = """
    张贴 周末 周边 周围 周期 王国 王牌 李子 陈旧 陈列 许可 许多 郑重 程序 程度 曾经 谢谢 罗列 韩语 唐代
    董事 萧条 苏醒 叶子 余额 余下 杜绝 夏天 夏季 钟头 石头 熊猫 陆地 陆续 康复 毛利 史上 顾客 顾虑 龙头
    雷达 钱包 黎明 武器 武装 施工 施行 陶瓷 洪水 颜色 严重 严格 季度 季节 章节 章程 申请 申报 尤其 毕业
    毕竟 焦虑 焦点 辛苦 凌晨 童年 童话 欧洲 欧元 阳光 卫生 卫星 植物 水平 胡同 沈阳 徐州 孙子 孙女 贾汪
    魏国 姜片 范围 范例 孔雀 侯爵 孟子 汤圆 贺卡 贺电 赖账 庞大 兰花 殷切 牛奶 芦苇 鲁莽 葛根 焦急 柳树
    岳父 齐全 梅花 莫名 庄严 庄稼 祝贺 祝福 舒适 舒服 路线 路口 路由 路边 苗条 甄别 屈服 霍乱 隋朝 蓝色
    成本 成功 成员 时间 时候 时长 项目 段落 游客 游戏 游泳 房屋 强大 强制 包裹 包装 米饭 车辆 车间
"""
_NO_PEOPLE = frozenset(_NO_PEOPLE_LIST.split())
# Characters that foreign names are written with.
_SOUNDS = frozenset(
    "阿埃艾安昂奥巴拜班邦贝本比彼毕波伯勃博布查达戴丹当道德登迪蒂丁杜多顿厄恩尔法凡范菲费芬丰夫弗"
    "福富甘冈高戈哥格葛根古瓜哈海汉豪赫亨洪胡华霍基吉加贾杰捷金京久卡凯坎康考柯科克肯库夸昆拉莱兰"
    "朗劳勒雷累黎理里利立莉丽林琳卢鲁路伦罗洛吕马玛迈麦曼芒毛梅门蒙孟米密缅敏明摩莫墨默姆穆拿纳娜"
    "奈南内尼涅宁纽农努诺欧帕派潘庞佩彭皮平珀普齐奇契恰乔切钦琴丘热日荣茹儒瑞若撒萨塞赛桑瑟森沙莎"
    "山尚舍申圣施史士斯舒朔丝思松苏索塔泰坦汤陶特滕提廷通图土托脱瓦万旺威韦维文翁沃乌武伍西希锡夏"
    "香肖谢辛欣休许雪逊雅亚延扬尧耶叶伊易因英尤于约泽扎詹珍芝中朱卓兹宗佐"
)
# Of these a name from abroad has at least one; without them it may be any Chinese word.
_FOREIGN = frozenset(
    "埃尔弗赫克萨塞斯兹特伊蒂顿勒菲娅娜莎琳迪罗洛姆穆诺佩珀普契丘茹撒瑟莉图廷韦沃耶詹奥伯彼勃巴贝"
)
_TITLE = re.compile(
    r"(?:先生|女士|小姐|经理|总监|老师|教授|医生|主任|律师|工程师|博士|师傅|同学|同志|主席|局长|部长|"
    r"院长|校长|董事长|总裁|秘书|警官|法官|"
    r"总(?!是|部|共|体|计|数|结|额)|工(?!作|程|厂|人|资)|某)"
)
_BEFORE = re.compile(
    r"(?:由|找|联系|联系人|负责人|经理|老师|医生|教授|主任|律师|客服|员工|同学|记者|叫|给|颁给|授予|"
    r"向|和|与|跟|请|是|把|交给|给了|问|在|归|聘请|邀请|通知|告诉|采访|作者|"
                     r"法官|院长|校长|董事长|总裁|代表|教练|导演|演员|选手|客户|用户|先生|女士|"
                     r"[,，。：:、]|^)$")  # fmt: skip
_AFTER = re.compile(
    r"(?:负责|表示|说|称|指出|认为|宣布|将|已|在|于|担任|是|从|来自|向|被|的|签|签署|领取|购买|获|和|"
    r"与|、|,|，|。|那|这|家|处|通|今天|昨天|明天|今年|去年|没|不|也|都|曾|正|还|先|会|要|想|去|来|到|给|把|为|对|打|写|拍|演|唱|谈|问|答|"
    r"主持|主讲|主演|执导|编剧|导演|撰写|发明|创办|创立|加入|离开|请假|出席|参加|完成|提出|发表|接受|拒绝|同意|反对|批准|"
    r"赢|输|夺|当选|毕业|出生|去世|住|买|卖|教|$)"
)
_SUFFIX = re.compile(
    r"(?:市|省|县|区|镇|乡|村|州|路|街|公司|集团|银行|大学|学院|医院|法院|检察院|机场|车站|站|酒店|"
    r"中学|小学|大厦|广场|公园|港|岛|湖|山|寺|江|河|海湾|峡|桥|塔|庙|祠|宫|陵|胡同|大道|隧道|水库|码头|"
    r"店|饭店|宾馆|餐厅|超市|商场|书店|剧院|剧场|影院|体育馆|体育场|图书馆|博物馆|美术馆|纪念馆|幼儿园|社区|"
    r"小区|花园|派出所|街道|队|俱乐部|乐队|航空|浏览器|输入法|汽车|手机|电器|传媒|影业|药业|实业|地产|物业|物流|快递|"
    r"出版社|电视台|日报|晚报|研究所|事务所|基金|证券|保险|科技|股份|奖|杯)"
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
    last = 0
    for (begin, end), (other_begin, other_end), parted in _places(a, b):
        one, other = a[begin:end], b[other_begin:other_end]
        if begin < last or not (_JUST_HAN.fullmatch(one) and _JUST_HAN.fullmatch(other)):
            continue
        if one in b or other in a:
            continue
        find = _people if parted else _whole_name
        wider = find(a, b, (begin, end), (other_begin, other_end))
        if wider is not None:
            (begin, end), (other_begin, other_end) = wider
            last = end
            yield Conflict("name", span_of(text_a, begin, end), span_of(text_b, other_begin, other_end),
                           a[begin:end], b[other_begin:other_end])  # fmt: skip


def _places(a: str, b: str) -> Iterator[tuple[tuple[int, int], tuple[int, int], bool]]:
    """Give what stands in place of each other, and together what a single shared character parts.

    李红梅 and 吴小红 share a character, and are two whole names all the same.
    """
    changes = [one for one in SequenceMatcher(None, a, b, autojunk=False).get_opcodes() if one[0] != "equal"]
    for place, (tag, begin, end, other_begin, other_end) in enumerate(changes):
        if tag == "replace":
            yield (begin, end), (other_begin, other_end), False
        following = changes[place + 1 : place + 2]
        if following and following[0][1] - end == 1:
            yield (begin, following[0][2]), (other_begin, following[0][4]), True


def _whole_name(
    a: str, b: str, one: tuple[int, int], other: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    words = a[slice(*one)], b[slice(*other)]
    after = a[one[1] :], b[other[1] :]
    suffixed = _SUFFIX.match(after[0]) and _SUFFIX.match(after[1]) and after[0][:1] == after[1][:1]
    if suffixed and all(2 <= len(word) <= 6 and not set(word) & _GENERIC for word in words):
        return one, other
    people = _people(a, b, one, other)
    if people is not None:
        return people
    if _called_by_surname(a[: one[0]], words, after) or _both_foreign(a, b, one, other):
        return one, other
    shared = _given_name_behind(a[: one[0]], words, after)
    if shared:
        return (one[0], one[1] + shared), (other[0], other[1] + shared)
    if one[0] and a[one[0] - 1] in _SURNAMES and all(len(word) <= 2 for word in words):
        before = a[: one[0] - 1]
        if (_BEFORE.search(before) and _AFTER.match(after[0])) or _TITLE.match(after[0]):
            return (one[0] - 1, one[1]), (other[0] - 1, other[1])
    return None


def _people(
    a: str, b: str, one: tuple[int, int], other: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    words = a[slice(*one)], b[slice(*other)]
    sure = [
        _is_person(word, text[: place[0]], text[place[1] :])
        for word, text, place in zip(words, (a, b), (one, other), strict=True)
    ]
    return (one, other) if all(sure) or (any(sure) and all(map(_may_be_person, words))) else None


def _called_by_surname(before: str, words: tuple[str, str], after: tuple[str, str]) -> bool:
    """Whether these are the surnames of 小王 and 老李."""
    return (
        before[-1:] in ("小", "老")
        and all(len(word) == 1 and word in _SURNAMES for word in words)
        and not all(word in _ALSO_WORDS for word in words)
        and _AFTER.match(after[0]) is not None
    )


def _given_name_behind(before: str, words: tuple[str, str], after: tuple[str, str]) -> int:
    """Give the length of the given name that both have behind different surnames, 0 if there is none."""
    if not all(len(word) == 1 and word in _SURNAMES for word in words) or not _BEFORE.search(before):
        return 0
    if any(word in _ALSO_WORDS for word in words):
        return 0
    for length in (1, 2):
        given = after[0][:length]
        if given == after[1][:length] and _JUST_HAN.fullmatch(given) and _AFTER.match(after[0][length:]):
            return length
    return 0


def _both_foreign(a: str, b: str, one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether both are whole names from abroad by their characters.

    Names that share a part may be two spellings of one name, so these are left out.
    """
    for text, (begin, end) in ((a, one), (b, other)):
        beside = text[max(0, begin - 1) : begin] + text[end : end + 1]
        if set(beside) & (_SOUNDS | {"·"}):
            return False
        word = set(text[begin:end])
        if end - begin < 2 or not (word <= _SOUNDS and word & _FOREIGN):
            return False
    return not set(a[slice(*one)]) & set(b[slice(*other)])


def _may_be_person(word: str) -> bool:
    if word in _NO_PEOPLE:
        return False
    return (word[0] in _SURNAMES and 2 <= len(word) <= 3) or (
        word[:2] in _TWO_CHARACTER_SURNAMES and 3 <= len(word) <= 4
    )


def _is_person(word: str, before: str, after: str) -> bool:
    title = _TITLE.match(after)
    if word[:2] in _TWO_CHARACTER_SURNAMES and 3 <= len(word) <= 4:
        return True
    if word[0] not in _SURNAMES or len(word) > 3 or word in _NO_PEOPLE:
        return False
    if title:
        return True
    beside = bool(_BEFORE.search(before)) + bool(_AFTER.match(after))
    return len(word) > 1 and beside >= (2 if word[0] in _ALSO_WORDS else 1)
