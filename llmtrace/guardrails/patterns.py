"""Guardrails that find what can be told by its characters: personal data, secrets, patterns of one's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from llmtrace.guardrails import identifiers, tokens
from llmtrace.guardrails.verdicts import CLEAN, Found, Guard, Opinion, Stage, Subject
from llmtrace.redaction import personal, secrets
from llmtrace.redaction.kinds import Kind

_BUILT_IN: Final = (
    *(kind for kind in personal.KINDS if kind.name != "phone"),
    next(kind for kind in secrets.KINDS if kind.name == "card"),
)
PII_KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    name: tuple(kind for kind in (*_BUILT_IN, *identifiers.KINDS) if kind.name == name)
    for name in ("email", "iban", "card", "ip", *dict.fromkeys(kind.name for kind in identifiers.KINDS))
}
"""In the order they are looked for: of two that overlap the first holds, and a phone is told by least."""
NOT_BY_DEFAULT: Final = frozenset({"date of birth"})
"""Told by the words beside it alone."""
_OF_SIX_DIGITS: Final = frozenset(PII_KINDS) - {
    "email",
    "iban",
    "ip",
    "mac address",
    "crypto wallet",
    "italian tax code",
    "indian pan",
    "us driver license",
    "date of birth",
}
"""Kinds that have at least six digits: most texts have not, and are not looked through for them."""
_SIX_DIGITS: Final = re.compile(r"(?:[0-9][^0-9]*+){6}")
SECRET_KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in tokens.KINDS}

_EVERYWHERE: Final = frozenset(Stage)
_TIME_S: Final = 0.05


def kinds_in(text: str, kinds: Iterable[Kind]) -> tuple[Found, ...]:
    """What of these kinds stands in a text; of two that overlap the one of the kind named first."""
    found: list[Found] = []
    for kind in kinds:
        for hint in kind.hints:  # plainly: this is asked a hundred times for every text
            if hint in text:
                break
        else:
            if kind.hints:
                continue
        if places := kind.places(text):
            found = _merged(found, [Found(start=start, end=end, category=kind.name) for start, end in places])
    return tuple(found)


def _merged(found: list[Found], more: list[Found]) -> list[Found]:
    """Both in order, less those of ``more`` that overlap one of ``found``."""
    made, at = [], 0
    for place in more:
        while at < len(found) and found[at].end <= place.start:
            made.append(found[at])
            at += 1
        if at == len(found) or place.end <= found[at].start:
            made.append(place)
    return made + found[at:]


def several(where: str, given: object) -> None:
    """Nothing for a tuple or list of texts.

    Raises:
        ValueError: it is none, or one of them is empty.
    """
    if (
        not isinstance(given, tuple | list)
        or not given
        or not all(isinstance(one, str) and one.strip() for one in given)
    ):
        raise ValueError(f"{where}: give at least one text in a tuple, none of them empty")


def opinion_of(found: Sequence[Found]) -> Opinion:
    """What follows from places in a text."""
    if not found:
        return CLEAN
    return Opinion(
        flagged=True,
        score=1.0,
        categories=tuple(dict.fromkeys(place.category for place in found)),
        found=tuple(found),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Pii(Guard):
    """Personal data with a shape of its own: addresses, phones, cards, accounts, numbers that states give people.

    Names and street addresses have none; they take a model, which a ``Custom`` guardrail can ask.
    """

    name: str = "pii"
    stages: frozenset[Stage] = _EVERYWHERE
    local: bool = True
    kinds: tuple[str, ...] = tuple(name for name in PII_KINDS if name not in NOT_BY_DEFAULT)
    """Names of ``PII_KINDS``."""

    def __post_init__(self) -> None:
        _known(self.kinds, PII_KINDS, "Pii")

    def check(self, subject: Subject) -> Opinion:
        """What of it stands in the text."""
        text = subject.text
        names: Iterable[str] = self.kinds
        if _SIX_DIGITS.search(text) is None:
            names = [name for name in names if name not in _OF_SIX_DIGITS]
        return opinion_of(kinds_in(text, [kind for name in names for kind in PII_KINDS[name]]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Secrets(Guard):
    """What opens a door for whoever reads it, by the prefixes its issuers give it, past a gate of randomness."""

    name: str = "secrets"
    stages: frozenset[Stage] = _EVERYWHERE
    local: bool = True
    kinds: tuple[str, ...] = tuple(SECRET_KINDS)
    """Names of ``SECRET_KINDS``."""

    def __post_init__(self) -> None:
        _known(self.kinds, SECRET_KINDS, "Secrets")

    def check(self, subject: Subject) -> Opinion:
        """What of it stands in the text."""
        return opinion_of(kinds_in(subject.text, [SECRET_KINDS[name] for name in self.kinds]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Regex(Guard):
    """Patterns of one's own, matched by the ``regex`` package for at most ``search_s`` seconds a text.

    A pattern that takes longer is an error of this guardrail, never a text that hangs. In a stream a match with spaces
    in it is seen whole up to 64 characters; with ``local=False`` a stream is held until its end instead.
    """

    name: str = "regex"
    local: bool = True
    patterns: tuple[str, ...]
    search_s: float = _TIME_S
    _compiled: tuple[object, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        import regex

        several("Regex(patterns=...)", self.patterns)
        compiled = []
        for pattern in self.patterns:
            try:
                compiled.append(regex.compile(pattern))
            except regex.error as error:
                raise ValueError(f'Regex: "{pattern[:80]}" is no regular expression: {error}') from error
        object.__setattr__(self, "_compiled", tuple(compiled))

    def check(self, subject: Subject) -> Opinion:
        """What they match.

        Raises:
            TimeoutError: a pattern takes too long on this text.
        """
        found = []
        for pattern in self._compiled:
            matches = pattern.finditer(subject.text, timeout=self.search_s)  # type: ignore[attr-defined]
            found += [
                Found(start=match.start(), end=match.end(), category=self.name)
                for match in matches
                if match.end() > match.start()
            ]
        return opinion_of(sorted(found, key=lambda place: place.start))


@dataclass(frozen=True, kw_only=True, slots=True)
class Topics(Guard):
    """Words and phrases that are not to be spoken of, such as competitors: whole words, whatever their case."""

    name: str = "topics"
    local: bool = True
    phrases: tuple[str, ...]
    _compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        several("Topics(phrases=...)", self.phrases)
        # Longest first, so that of two that begin alike the longer one is found.
        phrases = sorted(self.phrases, key=len, reverse=True)
        spelled = "|".join(r"\s{1,3}".join(re.escape(word) for word in phrase.split()) for phrase in phrases)
        object.__setattr__(self, "_compiled", re.compile(rf"(?<!\w)(?:{spelled})(?!\w)", re.IGNORECASE))

    def check(self, subject: Subject) -> Opinion:
        """Where they stand."""
        return opinion_of(
            [Found(start=m.start(), end=m.end(), category=self.name) for m in self._compiled.finditer(subject.text)]
        )


def _known(names: Iterable[str], kinds: Mapping[str, object], guard: str) -> None:
    for name in names:
        if name not in kinds:
            raise ValueError(f'{guard}(kinds=...): there is no kind "{name}"; these are: {", ".join(kinds)}')
