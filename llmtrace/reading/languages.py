"""A guess at the language of a text, from its script and its commonest words: good enough to see a shift, no more.

A script of one language tells it; Latin, Cyrillic and Arabic letters need words or letters of their own. Says ``und``
(BCP 47: undetermined) when it is not sure, as it is of short texts, code, and languages it does not know.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Final

MAX_CHARS: Final = 1_000
"""Of the text looked at, from its beginning: some 150 words, and a twentieth of a millisecond."""
UNKNOWN: Final = "und"

_SCRIPTS: Final = (
    ("latin", 0x0041, 0x024F),
    ("latin", 0x1E00, 0x1EFF),
    ("el", 0x0370, 0x03FF),
    ("cyrillic", 0x0400, 0x052F),
    ("hy", 0x0530, 0x058F),
    ("he", 0x0590, 0x05FF),
    ("arabic", 0x0600, 0x077F),
    ("devanagari", 0x0900, 0x097F),
    ("bn", 0x0980, 0x09FF),
    ("gu", 0x0A80, 0x0AFF),
    ("ta", 0x0B80, 0x0BFF),
    ("te", 0x0C00, 0x0C7F),
    ("kn", 0x0C80, 0x0CFF),
    ("ml", 0x0D00, 0x0D7F),
    ("th", 0x0E00, 0x0E7F),
    ("ka", 0x10A0, 0x10FF),
    ("ko", 0x1100, 0x11FF),
    ("kana", 0x3040, 0x30FF),
    ("han", 0x3400, 0x9FFF),
    ("ko", 0xAC00, 0xD7AF),
)

# The commonest words that few others share.
_WORDS: Final = {
    "en": "the and of to is in that it for you with this are was be have not what on from how can your please",
    "de": "der die und das ist nicht ich sie ein eine zu den mit auf für dem wie was auch bitte werden haben im von",
    "fr": "le la les et est une des du que pas vous je pour dans qui sur avec ce il au plus sont être nous quelle",
    "es": "el la los las y es una que de en por para con no se del lo como más su qué pero son está cuál",
    "it": "il di che è la un una per non sono con del della gli le si come più anche nel questo cosa ho ed",
    "pt": "o os e é um uma que de não para com do da em por mais se como no na você são ao qual dos das",
    "nl": "de het een en van is dat niet ik je op te voor met zijn aan wat er ook hoe deze naar worden bij",
    "sv": "och att det är en som inte jag på för med av har till den ett du om vad kan så i var eller",
    "da": "og at det er en som ikke jeg på for med af har til den et du om hvad kan så der hvor eller",
    "no": "og at det er en som ikke jeg på for med av har til den et du om hva kan så der hvor eller",
    "pl": "i w nie na się że to jest z do jak co są dla czy od oraz które przez tak ale proszę być ma",
    "cs": "a je v na se že to s z do jak co jsou pro od které aby ale nebo být má jsem také při",
    "fi": "ja on ei että se en hän mutta kuin oli ovat mitä tai myös minä sinä voi olla joka tämä kanssa",
    "tr": "ve bir bu için ne de da ile çok daha gibi var mi olarak ama nasıl olan değil kadar sonra ben",
    "id": "yang dan di untuk dengan ini itu tidak adalah dari dalam apa saya akan pada bisa ke atau juga anda",
    "ro": "și de la nu este în un o cu pe care pentru din ce mai sunt să al cum sau dar prin",
    "hu": "a az és hogy nem is egy van meg ez mit ha csak de vagy kell mint lesz már még",
    "vi": "và của là có không cho được một các trong người với này để những tôi bạn như khi đã",
    "ru": "и в не на что я с это как по но из у он так за вы для мне или был",
    "uk": "і в не на що я з це як по але із у він так за ви для або та є",
    "bg": "и в не на че аз с това как по но от у той така за ви са да се е ще",
}
_CYRILLIC: Final = ("ru", "uk", "bg")
_LATIN: Final = tuple(language for language in _WORDS if language not in _CYRILLIC)


def _languages() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for language, words in _WORDS.items():
        for word in set(words.split()):
            found[word] = (*found.get(word, ()), language)
    return found


_LANGUAGES: Final = _languages()
"""The languages a word is common in."""

_LETTERS: Final = re.compile(r"[^\W\d_]+")
_NOISE: Final = re.compile(r"https?://\S+|```.*?```|[\w.]{1,64}@[\w.]+", re.DOTALL)
_MARKS_OF_NOISE: Final = ("://", "```", "@")


def guess_language(text: str) -> str:
    """A BCP 47 primary language, or ``und``."""
    text = text[:MAX_CHARS]
    if any(mark in text for mark in _MARKS_OF_NOISE):
        text = _NOISE.sub(" ", text)
    words = _LETTERS.findall(text.lower())
    script = "latin" if text.isascii() and words else _commonest_script(words)
    if script == "latin":
        return _by_words(words, _LATIN)
    if script == "cyrillic":
        return "uk" if re.search("[іїєґ]", text) else "ru" if re.search("[ыэё]", text) else _by_words(words, _CYRILLIC)
    if script == "arabic":
        return "ur" if re.search("[ٹڈڑے]", text) else "fa" if re.search("[پچژگ]", text) else "ar"
    return {"han": "zh", "kana": "ja", "devanagari": "hi", "": UNKNOWN}.get(script, script)


def _commonest_script(words: list[str]) -> str:
    """``""`` when there is none, or none that is common enough; Japanese is the script ``kana``."""
    scripts: Counter[str] = Counter()
    for letter, times in Counter("".join(words)).items():
        scripts[_script(letter)] += times
    if scripts.total() < 3:
        return ""
    if scripts["kana"] > 0.05 * scripts.total():  # Japanese is written with Han, too; Chinese never with kana
        return "kana"
    script, letters = scripts.most_common(1)[0]
    return script if letters >= 0.6 * scripts.total() else ""


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    code = ord(letter)
    return next((name for name, first, last in _SCRIPTS if first <= code <= last), "")


def _by_words(words: list[str], languages: tuple[str, ...]) -> str:
    hits = dict.fromkeys(languages, 0)
    for word in words:
        for language in _LANGUAGES.get(word, ()):
            if language in hits:
                hits[language] += 1
    next_most, most = sorted(hits.values())[-2:]
    enough = most >= 2 and most >= 0.1 * len(words)
    return max(languages, key=hits.__getitem__) if enough and most > 1.15 * next_most else UNKNOWN
