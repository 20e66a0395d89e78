"""Words of English that say little about what is asked, however rare they are where it is looked for."""

from __future__ import annotations

import re

# In code, "to" and "the" are rarer than what a question is about, and BM25 would go by them.
FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be been but by can could did do does for from had has have how i if in into is "
        "it its my of on or our should so such than that the their then there these they this to was we were "
        "what when where which who whom whose why will with would you your",
    )
)
# They count this much, not nothing: a title that is quoted has them too.
SHARE = 0.2
