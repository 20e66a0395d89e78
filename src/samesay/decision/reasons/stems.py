"""Stems of English words: one key for the inflections of a word. Made for comparing, not for reading."""

from __future__ import annotations

from functools import cache

_IRREGULAR = """
rise rose risen|fall fell fallen|grow grew grown|shrink shrank shrunk|go went gone|come came|give gave given
take took taken|win won|lose lost|buy bought|sell sold|send sent|lend lent|spend spent|build built
begin began begun
break broke broken|write wrote written|speak spoke spoken|find found|leave left|keep kept|tell told|say said
think thought|know knew known|see saw seen|eat ate eaten|drink drank drunk|drive drove driven|fly flew flown
run ran|sit sat|stand stood|hold held|pay paid|make made|meet met|get got gotten|forget forgot forgotten
forbid forbade forbidden|hide hid hidden|show shown|choose chose chosen|freeze froze frozen|steal stole stolen
wear wore worn|draw drew drawn|withdraw withdrew withdrawn|sink sank sunk|wake woke woken|teach taught
catch caught|bring brought|fight fought|feel felt|mean meant|hear heard|lead led|read|lie lying lied|die dying
understand understood|become became|overtake overtook overtaken|uphold upheld|do does did done doing
have has had having|be is are was were been being am|good better best|bad worse worst|child children
man men|woman women|person people|foot feet|tooth teeth|mouse mice|wife wives|life lives|leaf leaves
many more most|little less least|slow slower slowest slowly|fast faster fastest|early earlier earliest
dry drier dried|happy happier happily|easy easier easiest easily|sleep slept|asleep|big bigger biggest
hot hotter hottest|swim swam swum|ride rode ridden|throw threw thrown|cut cutting|put putting
shut shutting|quit quitting|hit hitting|let letting|high higher highest|low lowest|large larger largest
small smaller smallest|near nearer nearest|late later latest|safe safer safest|cheap cheaper cheapest
long longer longest|short shorter shortest|wide wider widest|deep deeper deepest|strong stronger strongest
weak weaker weakest|cold colder coldest|warm warmer warmest|old older oldest elder|new newer newest
young younger youngest|hard harder hardest|soft softer softest|thick thicker thickest|thin thinner thinnest
loud louder loudest loudly|quick quicker quickest quickly|light lighter lightest
heavy heavier heaviest heavily
rich richer richest|poor poorer poorest|dark darker darkest|bright brighter brightest|clean cleaner cleanest
tall taller tallest|narrow narrower narrowest|tight tighter tightest|loose looser loosest
simple simpler simplest
agree agreed|disagree disagreed|free freed freer freest|guarantee guaranteed|decree decreed|flee fled
bear bore borne born|feed fed|bleed bled|breed bred|lay laid laying|deal dealt|swing swung|shine shone
ring rang rung|sing sang sung|spring sprang sprung|stick stuck|strike struck stricken|tear tore torn
blow blew blown|beat beaten|bend bent|bind bound|creep crept|dig dug|foresee foresaw foreseen
seek sought|shake shook shaken|shoot shot|spread spreading|sweep swept|swear swore sworn|weep wept
undo undid undone undoing|unwind unwound|rewrite rewrote rewritten|overcome overcame|repay repaid
few fewer fewest|great greater greatest|busy busier busiest|calm calmer calmest|clear clearer clearest
close closer closest|dirty dirtier dirtiest|dull duller dullest|fresh fresher freshest|full fuller fullest
lazy lazier laziest|noisy noisier noisiest|quiet quieter quietest quietly|rough rougher roughest
sharp sharper sharpest|smooth smoother smoothest|smart smarter smartest|steep steeper steepest
strict stricter strictest|sweet sweeter sweetest|wet wetter wettest|ugly uglier ugliest
careful carefully|careless carelessly|correct correctly|frequent frequently|rapid rapidly|rare rarer rarest
gentle gently|safe safely|public publicly|loose loosely|tight tightly|cheap cheaply|strong strongly
""".strip()


@cache
def _irregular() -> dict[str, str]:
    entries = [entry.split() for line in _IRREGULAR.splitlines() for entry in line.split("|")]
    return {form: _cut(forms[0]) for forms in entries for form in forms}


def stem(word: str) -> str:
    """Give the key of a word in lower case: ``rising``, ``rose`` and ``rises`` have that of ``rise``."""
    word = word.removesuffix("'s").removesuffix("'")
    known = _irregular().get(word)
    return known if known is not None else _cut(_without_ending(word))


def _without_ending(word: str) -> str:
    if len(word) < 4:
        return word
    if word.endswith("ies") or (word.endswith("ied") and len(word) > 4):
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-2] if word.endswith(("ches", "shes", "sses", "xes", "zes")) else word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith("eed"):
            break  # need, exceed: no past tense
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3 and any(letter in "aeiouy" for letter in rest):
            return rest
    return word


def _cut(word: str) -> str:
    """Take off what inflections change: a final e, and one of a doubled consonant."""
    if len(word) > 3:
        word = word.removesuffix("e")
        if word[-1] == word[-2] and word[-1] not in "aeiou":
            word = word[:-1]
        if word.endswith("i"):
            word = word[:-1] + "y"
    return word
