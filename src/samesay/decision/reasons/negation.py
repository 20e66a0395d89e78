"""Words that negate, what they reach, and what only looks like them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from samesay.decision.reasons.folding import folded, lowered
from samesay.decision.reasons.stems import stem

_CUE = re.compile(
    r"(?P<english>(?<![\w'])(?:not|no longer|no|never|none|nobody|no one|nothing|nowhere|neither|"
    r"nor|cannot|without|"
    r"unless|hardly|scarcely|lacks?|lacking|rather than|instead of|fail(?:s|ed|ing)? to|"
    r"refus(?:e|es|ed|ing) to|yet to|unable to|unwilling to|(?P<soft>rarely|seldom|barely|"
    r"less(?! than)|too little))(?![\w'-])|n't(?!\w))|(?P<chinese>没有|没能|并非|并不|"
    r"尚未|从未|绝不|"
    r"不再|不会|不能|不是|不可|"
    r"不要|不必|不用|无需|无须|无法|未能|切莫|毫无|不|没|无|未|非|别|勿|毋|除非|(?P<soft_chinese>很少|极少|甚少))"
)
# No negation, or one that another in the same words takes back.
_EXEMPT = re.compile(
    r"not (?:only|just|merely|solely|least|necessarily)|(?:but|and) not(?= all| every| in| on| at| "
    r"the| a)|no matter|no doubt|no (?:fewer|less|more|later|earlier) than|"
    r"not (?:fewer|less|more|later|earlier) than|not exceed\w*|whether or not|or not(?= |$|[,.;])|"
    r"not to mention|no sooner|nothing but|none other|"
    r"(?:cannot|can't|couldn't|could not|can not) help(?= \w+ing| but)|if not(?=[,.])|why not|not until|"
    r"(?:do|does|did|would|will|can)(?:n't| not)(?= \w+(?: \w+){0,3} until)|don't hesitate|do not hesitate|"
    r"no\.? ?(?=\d)|no(?=,)|not (?:un|in|im|ir|dis)\w+(?= that)|n't (?:it|they|you|he|she|we)\?|"
    r"no problem|[\"“]no[\"”]|"
    r"不但|不仅仅?|不光|不只|不单|不论|不管|不料|不过(?!期|关|滤)|不妨|不断|不锈钢|不久|不少|不错|"
    r"不外乎|不由得?|不禁|不愧|不如|不止|"
    r"不惜|不动产|不幸|对不起|差不多|了不起|不好意思|不客气|不要客气|别客气|不得不|不能不|不会不|"
    r"不得已|不可不|无不|没有不|没有一\w不|"
    r"不无|并非不|不是不|未必不|不[^,。，不]{1,4}不行|非[^,。，]{1,6}不可|不可抗力|不超过|不少于|"
    r"不低于|不高于|不大于|不小于|不多于|不到(?=\d|"
    r"[一二三四五六七八九十百千万])|"
    r"不得超过|不得少于|不得低于|不足(?=\d|[一二三四五六七八九十百千万])|要不|无论|无非|无所谓|无线|"
    r"无疑|无比|无限|无数|无锡|无人机|无条件|无意中|无缝|"
    r"非常|非洲|非裔|[东南西北中]非|非主流|不伦|而非|而不是?|但不是?|并非全部|并非所有|非凡|非得|"
    r"莫非|未来|未免|未婚|未成年|别人|别的|别墅|别致|别克|别名|别称|特别|"
    r"分别|区别|级别|类别|性别|个别|告别|离别|识别|"
    r"鉴别|辨别|差别|没收|沉没|淹没|埋没|出没|没落|没关系|没问题|否则|是否|能否|可否|与否|莫斯科|"
    r"莫名|沙漠|非典|是非|"
    r"(?P<verb>[能会要可是有对好行])[不没](?P=verb)|可不可以|有没有|需不需要"
)
# Characters that a Chinese cue reaches; those that are prefixes reach the next word only.
_REACH = {"非": 3, "无": 5}
_SCOPE_END = re.compile(
    r"[,;:!?。，；：！？\n]|\.(?=\s|$)|(?<![a-z])(?:but|because|although|though|while|when|if|so that|"
    r"unless)(?![a-z])|而是|但是?|因为|所以|如果"
)
_PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis")
# Bases that a negative prefix turns round; words such as "understand" or "invest" must not be taken apart.
_BASES_LIST = """
    able acceptable accessible active accurate adequate agree allow aligned appropriate approve
    authorized available avoidable aware balanced believable broken capable certain certified changed
    clear comfortable common compatible complete confirmed conscious consistent constitutional
    convenient correct credible dependent desirable direct divided effective efficient eligible
    encrypted equal essential even expected explained exportable fair familiar favorable finished fit
    flexible formal fortunate friendly happy healthy honest identified important inhabited intentional
    interested invited just kind known lawful legal legible likely limited linked literate
    logical married mature moral mutable natural necessary noticed obey occupied official opened paid
    perfect personal planned pleasant polite popular possible practical precise predictable prepared
    professional profitable proper protected published qualified reachable readable real realistic
    reasonable recognized refundable registered regular related relevant reliable replaceable resolved
    responsible responsive restricted reversible safe satisfied satisfactory secure signed significant
    skilled sold solved sound stable steady sufficient suitable supported supervised taxable tested
    tolerant transferable trained true truthful used usual valid verified visible visited voluntary
    wanted welcome wise worthy connected continued compliant conforming disclosed existent fiction
    functional payment resident smoking profit essential contaminated damaged disturbed
"""
_BASES = {stem(base) for base in _BASES_LIST.split()}
# Verbs and nouns that say no themselves: they count where a text is weighed as a whole.
IMPLICIT = re.compile(
    r"(?<![a-z])(?:protect|prohibit|forbid|forbidden|ban|refus|reject|den(?:y|ie)|fail|lack|prevent|"
    r"avoid|exclud|impossible|closed|"
    r"absent|miss)|禁止|严禁|拒绝|缺乏|缺少|失败|避免|防止|不准|不许|不得|不予|除外|驳回|否认|休息|谢绝|免"
)


@dataclass(frozen=True)
class Cue:
    """A word that negates.

    Attributes:
        begin: Its first character.
        end: The one after its last.
        reach: Where the part ends that it negates.
        soft: Whether it turns a word into its opposite, but is no negation by itself: rarely late, less safe.
    """

    begin: int
    end: int
    reach: int
    soft: bool = False

    def negates(self, begin: int) -> bool:
        """Whether it reaches a word that begins there."""
        return self.end <= begin < self.reach


def cues_of(text: str, taken: tuple[tuple[int, int], ...] = (), most: int = 100) -> tuple[Cue, ...]:
    """Find what negates in a text, in order, at most so many, leaving out places that something has taken."""
    low = lowered(folded(text))
    exempt = [match.span() for match in _EXEMPT.finditer(low)]
    found = []
    for match in _CUE.finditer(low):
        begin, end = match.span()
        if any(first < end and begin < last for first, last in (*exempt, *taken)):
            continue
        farthest = min(len(low), end + (_REACH.get(match[0], 10) if match["chinese"] else 60))
        stop = _SCOPE_END.search(low, end, farthest)
        reach = stop.start() if stop else farthest
        if match["english"] == "n't":
            begin = _word_begin(low, begin)
        soft = bool(match["soft"] or match["soft_chinese"])
        found.append(Cue(begin, end, max(reach, end), soft))
        if len(found) == most:
            break
    return tuple(found)


def without_prefix(word: str) -> str | None:
    """Give the stem that is left of ``unavailable`` or ``impossible``; None for a word of another make."""
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) > len(prefix) + 2:
            base = stem(word[len(prefix) :].removeprefix("-"))
            if base in _BASES:
                return base
            adverb = stem(word[len(prefix) :].removesuffix("ly"))
            if word.endswith("ly") and adverb in _BASES:
                return adverb
    return None


def _word_begin(low: str, place: int) -> int:
    while place and low[place - 1].isalpha():
        place -= 1
    return place
