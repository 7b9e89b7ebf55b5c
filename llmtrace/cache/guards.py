"""Why two questions that look alike do not ask the same, as their spelling tells.

Each guard was made for pairs that a cosine cannot tell apart: on and off, USD to EUR and back, Q1 and Q2, not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

from llmtrace.cache.opposites import OPPOSITES, SYNONYMS


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_TOKEN: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[.,:/]\d+)*|[$€£¥₹%#+<>=≤≥≠^&@*÷×√°]|(?<=\s)-(?=\d)")
_LETTERS: Final = re.compile(r"[^\W\d_]")
_NEGATIONS: Final = _set(
    "not no never none nobody nothing nowhere neither nor cannot without hardly barely lack lacks lacking stop avoid "
    "except unless unable dont doesnt didnt isnt arent wasnt werent cant couldnt wont wouldnt shouldnt havent hasnt "
    "hadnt aint non fail fails failed instead unlike against refuse prevent"
)
_PREFIXES: Final = _set(
    "un in im il ir dis non de mis a anti counter re over under out pre post sub inter intra hyper hypo"
)
"""Those that turn a word into another."""
_FILLERS: Final = _set(
    "a an the is are was were be been being am do does did doing done have has had having i me my mine we us our "
    "you your yours he she it its they them their this that these those there here what which who whom whose when "
    "where why how can could shall should will would may might must of to in on at by for with about as from into "
    "through during if or and but so than then too very just also any some all please tell explain describe know "
    "get give need want way ways thing things one ones really actually ever exactly like someone somebody anyone "
    "people person s t m re ve ll d let lets kindly hey hi hello thanks thank"
)
_ORDERS: Final = _set(
    "to from into than over versus vs before after between against by of for without with and or - > <"
)
_UNORDERED: Final = _set("and or vs versus between")
_SLIP: Final = 0.75
_DEGREES: Final = _set("most more least less very much quite")
_COUNTS: Final = _set(
    "zero two three four five six seven eight nine ten eleven twelve twenty hundred thousand million billion half "
    "double triple twice once dozen"
)
_ASKS: Final = {"who": "who", "whom": "who", "whose": "who", "when": "when", "where": "where"} | dict.fromkeys(
    ("why", "reason", "reasons"), "why"
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the guards see of a text."""

    words: tuple[str, ...]
    """All tokens, in lower case."""
    content: Counter[str]
    """Stems of the words that carry meaning."""
    order: tuple[str, ...]
    """The same stems in the order they come, with words such as `to` and `than` between them."""
    numbers: Counter[str]
    signs: Counter[str]
    negations: int
    names: frozenset[str]
    """Words with a capital where none is due, in lower case."""
    asks: str
    """Whom, when, where or why; '' for all else."""


@lru_cache(maxsize=20_000)
def read(text: str) -> Reading:
    """The text as the guards see it."""
    found = _TOKEN.findall(text)
    words = tuple(word.lower().replace("’", "'") for word in found)
    letters = [word for word in words if _LETTERS.match(word) and word not in _FILLERS and not _negates(word)]
    return Reading(
        words=words,
        content=Counter(stem(word) for word in letters),
        order=tuple(stem(word) if word not in _ORDERS else word for word in words if word not in _FILLERS - _ORDERS),
        numbers=Counter(word.strip(",") for word in words if word[0].isdigit()),
        signs=Counter(word for word in words if not word[0].isalnum()),
        negations=sum(map(_negates, words)),
        names=_names(text, found),
        asks=next((_ASKS[word] for word in words[:6] if word in _ASKS), ""),
    )


def conflict(one: str, other: str) -> str:
    """The guard that holds the two apart; '' for none.

    `digits`, `signs`, `negation`, `opposite`, `name`, `order` (of the same words), `ask` (who, why) or `word` (one in
    another's place).
    """
    a, b = read(one), read(other)
    if a.numbers != b.numbers or _counted(a) != _counted(b):
        return "digits"
    if a.signs != b.signs:
        return "signs"
    if a.negations % 2 != b.negations % 2:
        return "negation"
    if opposed(a, b):
        return "opposite"
    if _names_differ(a, b):
        return "name"
    if _swapped(a, b):
        return "order"
    if a.asks != b.asks:
        return "ask"
    return "word" if _replaced(a, b) else ""


def opposed(a: Reading, b: Reading) -> bool:
    """Whether a word of one stands against a word of the other, or is the other's with a prefix that turns it."""
    ours, theirs = Counter(a.words), Counter(b.words)
    only_a, only_b = set(ours - theirs), set(theirs - ours)
    if any(OPPOSITES.get(word, frozenset()) & only_b for word in only_a):
        return True
    stems_a, stems_b = {stem(word) for word in only_a}, {stem(word) for word in only_b}
    if any(OPPOSITES.get(word, frozenset()) & stems_b for word in stems_a):
        return True
    # "open or closed" has both: then order decides.
    return any(_turned(word, stems_b) for word in stems_a) or any(_turned(word, stems_a) for word in stems_b)


def stem(word: str) -> str:
    """The word without the endings of English, about."""
    for ending, least in (("'s", 1), ("ies", 3), ("ing", 4), ("ed", 4), ("es", 4), ("s", 3), ("ly", 4), ("e", 4)):
        if word.endswith(ending) and len(word) - len(ending) >= least and not word.endswith("ss"):
            cut = word[: -len(ending)] + ("i" if ending == "ies" else "")
            if ending in ("ing", "ed") and len(cut) > 3 and cut[-1] == cut[-2] and cut[-1] not in "lsz":
                cut = cut[:-1]
            word = cut[:-1] if cut.endswith("e") and len(cut) > 4 else cut
            break
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 else word


def _negates(word: str) -> bool:
    return word in _NEGATIONS or word.endswith("n't")


def _turned(word: str, others: set[str]) -> bool:
    return any(
        word.startswith(prefix) and len(word) - len(prefix) >= 3 and word[len(prefix) :] in others
        for prefix in _PREFIXES
    )


def _counted(reading: Reading) -> Counter[str]:
    return Counter(word for word in reading.words if word in _COUNTS)


def _names(text: str, found: Sequence[str]) -> frozenset[str]:
    """Capitals tell names only in a text that has others than capitals, and not at the start of a sentence."""
    if text.isupper() or sum(word[0].isupper() for word in found) > max(3, 0.7 * len(found)):
        return frozenset()
    starts = {match.end() for match in re.finditer(r"(?:^|[.!?:\"“]\s*)", text)}
    return frozenset(
        match.group().lower()
        for match in _TOKEN.finditer(text)
        if match.group()[0].isupper() and match.start() not in starts and match.group().lower() not in _FILLERS
    )


def _names_differ(a: Reading, b: Reading) -> bool:
    words_a, words_b = {stem(word) for word in a.words}, {stem(word) for word in b.words}
    lost_a = {name for name in a.names if stem(name) not in words_b}
    lost_b = {name for name in b.names if stem(name) not in words_a}
    return bool(lost_a or lost_b)


def _replaced(a: Reading, b: Reading) -> bool:
    """The same question but for one word in one place, where the two are not known to mean the same."""
    ours = [word for word in a.order if word in a.content and word not in _DEGREES]
    theirs = [word for word in b.order if word in b.content and word not in _DEGREES]
    begin = end = 0
    least = min(len(ours), len(theirs))
    while begin < least and ours[begin] == theirs[begin]:
        begin += 1
    while end < least - begin and ours[-1 - end] == theirs[-1 - end]:
        end += 1
    one, other = ours[begin : len(ours) - end], theirs[begin : len(theirs) - end]
    return len(one) == 1 and len(other) == 1 and not _alike(one[0], other[0])


def _alike(one: str, other: str) -> bool:
    """Known to mean the same, or the same but for a slip of the finger."""
    if other in SYNONYMS.get(one, ()):
        return True
    return one[:1] == other[:1] and SequenceMatcher(None, one, other, autojunk=False).ratio() > _SLIP


def _swapped(a: Reading, b: Reading) -> bool:
    """The same words that carry meaning, in another order; around `and` or `or` alone that means nothing."""
    if a.content != b.content or len(a.content) < 2:
        return False
    ours = [word for word in a.order if word in a.content]
    theirs = [word for word in b.order if word in b.content]
    if ours == theirs:
        return False
    between = (set(a.order) | set(b.order)) & _ORDERS
    return not between or not between <= _UNORDERED
