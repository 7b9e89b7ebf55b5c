"""Numbers that states, banks and networks give people, each told by its check digits, or else by a word beside it.

The shapes of ``llmtrace.redaction`` are not repeated here: e-mail, IBAN, most cards, IP addresses and the surest phones
are theirs. These go further, for a guardrail may act where redaction must not guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from llmtrace.guardrails.check_digits import (
    is_aadhaar,
    is_bitcoin,
    is_cpf,
    is_ethereum,
    is_french_social,
    is_italian_code,
    is_luhn,
    is_nhs,
    is_pesel,
    is_routing,
    is_spanish_id,
)
from llmtrace.redaction import personal
from llmtrace.redaction.kinds import Kind, Span, matches

_CONTEXT_CHARS: Final = 48
_ANY_DIGIT: Final = tuple("0123456789")


def near(words: str) -> Callable[[str, int, int], bool]:
    """Whether one of the words stands shortly before a place, or just after it."""
    pattern = re.compile(rf"(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE)

    def is_near(text: str, start: int, end: int) -> bool:
        beside = f"{text[max(0, start - _CONTEXT_CHARS) : start]} \0 {text[end : end + 24]}"
        return pattern.search(beside) is not None

    return is_near


def _placed(
    pattern: str, accepted: Callable[[str, re.Match[str]], bool], flags: int = 0
) -> Callable[[str], Iterable[Span]]:
    compiled = re.compile(pattern, flags)

    def find(text: str) -> Iterable[Span]:
        for match in compiled.finditer(text):
            if accepted(text, match):
                yield match.span()

    return find


_is_about_ssn = near(r"ssn|social security|social sec\.?|soc\.? sec\.?|ss#|ss number|taxpayer")


def _is_ssn(text: str, match: re.Match[str]) -> bool:
    digits = re.sub(r"\D", "", match[0])
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if area in ("000", "666") or group == "00" or serial == "0000" or len(set(digits)) == 1:
        return False
    if area >= "900":  # an individual taxpayer's number, given in these groups only
        return 50 <= int(group) <= 99
    return match[1] == "-" or _is_about_ssn(text, *match.span())


_is_about_phone = near(
    r"phones?|telephones?|tel|mobile|cell(?:phone|ular)?|call(?:ed|ing|s)?|dial|ring|fax|contact|reach(?:ed)?|text|sms|whatsapp"
    r"|hotline|line|answer(?:ing|s|ed)?|messages?|number|no\.?|extension|ext|m|t|p|f|ph|office|home|work|handy|telefon|tél|móvil|teléfono|line"
)
_is_about_other = near(
    r"card|credit|debit|account|acct|iban|order|invoice|ssn|social|license|licence|passport|zip|postal|code|isbn|sku|part"
    r"|model|serial|version|id|ids|ticket|case|reference|ref|tracking|amount|price|usd|eur|total|balance|routing|policy"
)
_PHONE: Final = re.compile(
    r"(?<![\w.+/:$€£#=-])(?<![0-9],)(?:\+|\(\+)?\(?[0-9](?:[ .\u00a0/-]{0,2}[()]{0,2}[ .\u00a0/-]?[0-9]){6,14}"
    r"(?:[ ,]{0,2}(?:x|ext\.?|extension)[ .:]{0,2}[0-9]{1,6})?(?![\w@])(?![-./:][0-9])"
)
_DATE: Final = re.compile(
    r"(?:19|20)[0-9]{2}[-/. ][0-9]{1,2}[-/. ][0-9]{1,2}"
    r"|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19|20)?[0-9]{2}(?![-/. ]?[0-9])"
)
_NANP: Final = re.compile(
    r"(?:\+?1[ .-]?|001-)?\(?[1-9][0-9]{2}\)?[ .\u00a0-]{0,2}[0-9]{3}[ .\u00a0-][0-9]{4}(?![0-9])"
)
_GROUPS: Final = re.compile(r"[0-9]+")


def _is_phone(text: str, match: re.Match[str]) -> bool:
    said = match[0]
    number = re.split(r"[ ,]*(?:x|ext)", said, maxsplit=1)[0]
    groups = _GROUPS.findall(number)
    digits = sum(map(len, groups))
    if not 7 <= digits <= 15 or _DATE.match(number) or len(set("".join(groups))) < 3:
        return False
    if said.startswith(("+", "(+")):
        return digits >= 8
    if (
        number is not said
        or _NANP.fullmatch(number)
        or ("(" in number and ")" in number and max(map(len, groups)) <= 8)
    ):
        return True
    about = _is_about_phone(text, *match.span())
    if len(groups) == 1:
        return about and digits >= 9 and not _is_about_other(text, *match.span())
    if max(map(len, groups)) > 7 or min(map(len, groups)) < 2 or ("/" in number and not about):
        return False
    if number.startswith("0") and 9 <= digits <= 12 and (len(groups) > 2 or len(groups[0]) < 5):
        return True
    return about or (digits >= 8 and _is_alone(text, match) and not _is_about_other(text, *match.span()))


def _is_alone(text: str, match: re.Match[str]) -> bool:
    """Whether it stands on a line of its own, or ends a sentence after a word that leads to it."""
    line_start = text.rfind("\n", 0, match.start()) + 1
    line_end = text.find("\n", match.end())
    rest = text[line_start : match.start()] + text[match.end() : line_end if line_end >= 0 else len(text)]
    return not rest.strip(" .,;:!?()")


_is_about_card = near(r"card|credit|debit|visa|maestro|mastercard|amex|jcb|payment|pay|cc|charge[ds]?")
_is_about_passport = near(r"passport")
_is_about_license = near(r"driv(?:er|ing)'?s? licen[sc]e|licen[sc]e (?:number|no\.?|#)|dl(?: number)?")
_is_about_routing = near(r"routing|aba|rtn")
_is_about_nhs = near(r"nhs")
_is_about_birth = near(r"born(?: on)?|birth ?(?:date|day)|date of birth|dob|d\.o\.b\.?")

_VERSION: Final = re.compile(r"(?:version|release|ver\.?|v\.?|build)[ :=]{0,2}$", re.IGNORECASE)


def _addresses(text: str) -> Iterable[Span]:
    """Addresses of machines; four numbers of a version are none."""
    for start, end in personal.IP.find(text):
        if _VERSION.search(text[max(0, start - 12) : start]) is None:
            yield start, end


KINDS: Final = (
    Kind(name="ip", find=_addresses, hints=personal.IP.hints),
    Kind(
        name="us ssn", find=_placed(r"(?<![\w-])[0-9]{3}([- ]?)[0-9]{2}\1[0-9]{4}(?![\w-])", _is_ssn), hints=_ANY_DIGIT
    ),
    Kind(
        name="card",  # what redaction leaves: Maestro's short ones, and beside a word about cards any issuer's
        find=_placed(
            r"(?<![\w.-])(?:(?:50|5[6-9]|6[37])[0-9]{10}|(?:2131|1800)[0-9]{11}|[3-6][0-9]{12,18})(?![\w-])",
            lambda text, match: is_luhn(match[0]) and (len(match[0]) < 13 or _is_about_card(text, *match.span())),
        ),
        hints=_ANY_DIGIT,
    ),
    Kind(
        name="mac address",
        find=matches(r"(?<![\w:-])[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})(?![\w:-])"),
        hints=(":", "-"),
    ),
    Kind(
        name="crypto wallet",
        find=matches(
            r"(?<![A-Za-z0-9])(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[02-9ac-hj-np-z]{11,71}|0x[0-9A-Fa-f]{40})(?![A-Za-z0-9])",
            lambda text: is_ethereum(text) if text.startswith("0x") else is_bitcoin(text),
        ),
        hints=("1", "3", "0x"),
    ),
    Kind(
        name="uk nhs number",
        find=_placed(
            r"(?<![\w-])[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}(?![\w-])",
            lambda text, match: _is_about_nhs(text, *match.span()) and is_nhs(re.sub(r"\D", "", match[0])),
        ),
        hints=("NHS", "nhs"),
    ),
    Kind(
        name="uk national insurance number",
        find=matches(
            r"(?<![A-Za-z0-9])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
            r" ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D](?![A-Za-z0-9])"
        ),
        hints=_ANY_DIGIT,
    ),
    Kind(
        name="spanish identity number",
        find=matches(r"(?<![A-Za-z0-9])[XYZ0-9]-?[0-9]{7}-?[A-HJ-NP-TV-Z](?![A-Za-z0-9])", is_spanish_id),
        hints=_ANY_DIGIT,
    ),
    Kind(
        name="italian tax code",
        find=matches(
            r"(?<![A-Za-z0-9])[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z](?![A-Za-z0-9])",
            is_italian_code,
            flags=re.IGNORECASE,
        ),
    ),
    Kind(
        name="brazilian cpf",
        find=matches(r"(?<![\w.-])[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![\w-])", is_cpf),
        hints=(".",),
    ),
    Kind(
        name="indian aadhaar number",
        find=matches(r"(?<![\w-])[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}(?![\w-])(?![ -][0-9])", is_aadhaar),
        hints=_ANY_DIGIT,
    ),
    Kind(
        name="indian pan",
        find=matches(r"(?<![A-Za-z0-9])[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z](?![A-Za-z0-9])"),
        hints=_ANY_DIGIT,
    ),
    Kind(
        name="polish pesel",
        find=_placed(
            r"(?<![\w-])[0-9]{11}(?![\w-])",
            lambda text, match: is_pesel(match[0]) and near("pesel")(text, *match.span()),
        ),
        hints=("PESEL", "pesel", "Pesel"),
    ),
    Kind(
        name="french social security number",
        find=matches(
            r"(?<![\w-])[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?(?:[0-9]{2}|2[AB])"
            r" ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}(?![\w-])",
            is_french_social,
        ),
        hints=_ANY_DIGIT,
    ),
    Kind(
        name="us passport number",
        find=_placed(r"(?<![\w-])(?:[A-Z][0-9]{8}|[0-9]{9})(?![\w-])", lambda t, m: _is_about_passport(t, *m.span())),
        hints=("assport", "ASSPORT"),
    ),
    Kind(
        name="us driver license",
        find=_placed(
            r"(?<![\w-])(?=[A-Z0-9-]{6,20}(?![\w-]))(?=[A-Z-]*[0-9]{3})[A-Z]{0,3}[0-9][A-Z0-9-]{4,18}(?![\w-])",
            lambda t, m: _is_about_license(t, *m.span()),
        ),
        hints=("icen", "ICEN", "DL"),
    ),
    Kind(
        name="us bank routing number",
        find=_placed(
            r"(?<![\w-])[0-9]{9}(?![\w-])",
            lambda t, m: is_routing(m[0]) and _is_about_routing(t, *m.span()),
        ),
        hints=("outing", "OUTING", "ABA", "aba"),
    ),
    Kind(
        name="date of birth",
        find=_placed(
            r"(?<![\w/.-])(?:(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19|20)?[0-9]{2})(?![\w/-])",
            lambda t, m: _is_about_birth(t, *m.span()),
        ),
        hints=("orn", "irth", "DOB", "dob", "D.O.B", "BIRTH"),
    ),
    Kind(
        name="phone",
        find=_placed(_PHONE.pattern, _is_phone),
        hints=_ANY_DIGIT,
    ),
)
"""In the order they are looked for: of two that overlap the first holds."""
