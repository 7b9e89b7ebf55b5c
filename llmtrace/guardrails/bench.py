"""How well a guardrail does on labelled texts: precision, recall, F1, false hits, and the time it takes.

A line has either places, ``{"text", "spans": [{"start", "end", "type"}]}``, or a label, ``{"text", "label": 0 | 1}``.
A place is found when one of the same type covers it: at least half of the two together. Places of types the guardrail
does not look for are left out, and counted as such; where no place has a type, any place counts.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmtrace.guardrails.checking import look
from llmtrace.guardrails.driving import drive
from llmtrace.guardrails.patterns import PII_KINDS
from llmtrace.guardrails.verdicts import UNKNOWN, Found, Guardrail, Stage, Subject

Json = dict[str, Any]
_SHARE: Final = 0.5

_TYPES: Final = {
    "email address": "email",
    "e mail": "email",
    "phone number": "phone",
    "telephone": "phone",
    "telephone number": "phone",
    "phonenumber": "phone",
    "mobile": "phone",
    "fax number": "phone",
    "credit card": "card",
    "credit card number": "card",
    "credit debit card": "card",
    "creditcard": "card",
    "creditcardnumber": "card",
    "payment card": "card",
    "card number": "card",
    "iban code": "iban",
    "ip address": "ip",
    "ipv4": "ip",
    "ipv6": "ip",
    "ssn": "us ssn",
    "social security number": "us ssn",
    "us social security number": "us ssn",
    "us itin": "us ssn",
    "itin": "us ssn",
    "mac": "mac address",
    "crypto": "crypto wallet",
    "bitcoin": "crypto wallet",
    "bitcoin address": "crypto wallet",
    "bitcoinaddress": "crypto wallet",
    "ethereumaddress": "crypto wallet",
    "crypto address": "crypto wallet",
    "uk nhs": "uk nhs number",
    "nhs number": "uk nhs number",
    "uk nino": "uk national insurance number",
    "nino": "uk national insurance number",
    "es nif": "spanish identity number",
    "es nie": "spanish identity number",
    "it fiscal code": "italian tax code",
    "in aadhaar": "indian aadhaar number",
    "in pan": "indian pan",
    "pl pesel": "polish pesel",
    "br cpf": "brazilian cpf",
    "cpf": "brazilian cpf",
    "us passport": "us passport number",
    "passport number": "us passport number",
    "driver license": "us driver license",
    "drivers license": "us driver license",
    "us drivers license": "us driver license",
    "driver license number": "us driver license",
    "aba routing number": "us bank routing number",
    "routing number": "us bank routing number",
    "bank routing number": "us bank routing number",
    "dob": "date of birth",
    "birth date": "date of birth",
}  # fmt: skip


class BadLineError(Exception):
    """A line of the file is not as it should be; the message says which, and how."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One labelled text."""

    text: str
    spans: tuple[Found, ...] | None
    """None: it has a label instead."""
    label: bool


def read_examples(lines: Iterable[str]) -> list[Example]:
    """The examples of a file.

    Raises:
        BadLineError: a line is none.
    """
    found = [_example(line, number) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise BadLineError('it has no line; write {"text": "...", "label": 1} or {"text": "...", "spans": [...]}')
    if len({example.spans is None for example in found}) > 1:
        raise BadLineError("some lines have spans and some a label; give each sort a file of its own")
    return found


def measured(guard: Guardrail, examples: Sequence[Example]) -> Json:
    """Figures of a guardrail on these."""
    times: list[float] = []
    found: list[tuple[Found, ...]] = []
    flagged: list[bool] = []
    unknown = 0
    stage = Stage.INPUT if Stage.INPUT in guard.stages else min(guard.stages)
    drive(look(guard, [Subject(text=examples[0].text, stage=stage)]))  # what is loaded once is no text's
    spent = time.process_time()
    for example in examples:
        began = time.perf_counter()
        looked = drive(look(guard, [Subject(text=example.text, stage=stage)]))
        times.append((time.perf_counter() - began) * 1000)
        unknown += looked.verdict.decision in UNKNOWN
        found.append(looked.found[0])
        flagged.append(bool(looked.verdict.categories) or bool(looked.verdict.found))
    cpu_ms = (time.process_time() - spent) * 1000 / len(examples)
    by_span = examples[0].spans is not None
    told = _by_span(guard, examples, found) if by_span else _by_label(examples, flagged)
    return {
        "guardrail": guard.name,
        "documents": len(examples),
        **told,
        "not_known": unknown,
        "ms_per_document": round(statistics.fmean(times), 4),
        "cpu_ms_per_document": round(cpu_ms, 4),
        "ms_p50": round(statistics.median(times), 4),
        "ms_p99": round(sorted(times)[min(len(times) - 1, int(len(times) * 0.99))], 4),
    }


def _by_label(examples: Sequence[Example], flagged: Sequence[bool]) -> Json:
    right = sum(example.label and hit for example, hit in zip(examples, flagged, strict=True))
    false = sum(not example.label and hit for example, hit in zip(examples, flagged, strict=True))
    wanted = sum(example.label for example in examples)
    return {
        **_rates(right, false, wanted),
        "positives": wanted,
        "negatives": len(examples) - wanted,
        "found": right,
        "missed": wanted - right,
        "false_hits": false,
        "negatives_passed": _share(len(examples) - wanted - false, len(examples) - wanted),
    }


def _by_span(guard: Guardrail, examples: Sequence[Example], found: Sequence[Sequence[Found]]) -> Json:
    known = _looked_for(guard)
    typed = any(span.category for example in examples for span in example.spans or ())
    counts: dict[str, Counter[str]] = {}
    ignored: Counter[str] = Counter()
    dirty = 0
    for example, places in zip(examples, found, strict=True):
        wanted = []
        for span in example.spans or ():
            if not typed or known is None or span.category in known:
                wanted.append(span)
            else:
                ignored[span.category] += 1
        right = _matched(wanted, places, typed=typed and known is not None)
        dirty += not (example.spans or ()) and bool(places)
        for span in wanted:
            counts.setdefault(span.category, Counter())["found" if span in right else "missed"] += 1
        for place in places:
            if place not in right.values():
                counts.setdefault(place.category if typed else "", Counter())["false"] += 1
    total = sum(counts.values(), Counter())
    return {
        **_rates(total["found"], total["false"], total["found"] + total["missed"]),
        "spans": total["found"] + total["missed"],
        "found": total["found"],
        "missed": total["missed"],
        "false_hits": total["false"],
        "clean_documents_hit": dirty,
        "by_type": {
            name or "any": {**_rates(c["found"], c["false"], c["found"] + c["missed"]), **dict(sorted(c.items()))}
            for name, c in sorted(counts.items())
        },
        "types_left_out": dict(sorted(ignored.items())),
    }


def _matched(wanted: Sequence[Found], places: Sequence[Found], *, typed: bool) -> dict[Found, Found]:
    """Which place finds which, each at most one."""
    right: dict[Found, Found] = {}
    free = list(places)
    for span in wanted:
        for place in free:
            if (not typed or place.category == span.category) and _overlap(span, place) >= _SHARE:
                right[span] = place
                free.remove(place)
                break
    return right


def _overlap(one: Found, other: Found) -> float:
    both = min(one.end, other.end) - max(one.start, other.start)
    return both / (max(one.end, other.end) - min(one.start, other.start)) if both > 0 else 0.0


def _looked_for(guard: Guardrail) -> set[str] | None:
    """The types a guardrail tells apart; None for one whose types are its own affair, such as issuers of secrets."""
    kinds = getattr(guard, "kinds", None)
    if kinds is None or not set(kinds) <= set(PII_KINDS):
        return None
    return set(kinds)


def _rates(found: int, false: int, wanted: int) -> Json:
    precision, recall = _share(found, found + false), _share(found, wanted)
    both = (precision or 0) + (recall or 0)
    f1 = None if precision is None or recall is None else round(2 * precision * recall / both, 4) if both else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _example(line: str, number: int) -> Example:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadLineError(f"line {number} is no JSON") from error
    if not isinstance(said, dict) or not isinstance(said.get("text"), str):
        raise BadLineError(f'line {number} has no "text"')
    if "spans" in said:
        spans = said["spans"]
        if not isinstance(spans, list):
            raise BadLineError(f'line {number}: "spans" is no list')
        places = tuple(_span(span, said["text"], number) for span in spans)
        return Example(text=said["text"], spans=places, label=bool(places))
    if said.get("label") not in (0, 1):
        raise BadLineError(f'line {number} has neither "spans" nor a "label" of 0 or 1')
    return Example(text=said["text"], spans=None, label=bool(said["label"]))


def _span(span: object, text: str, number: int) -> Found:
    start, end = (span.get("start"), span.get("end")) if isinstance(span, dict) else (None, None)
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)):
        raise BadLineError(f"line {number}: a span needs start and end, 0 <= start < end <= {len(text)}")
    kind = span.get("type") if isinstance(span, dict) else ""
    return Found(start=start, end=end, category=_type(kind if isinstance(kind, str) else ""))


def _type(said: str) -> str:
    plain = " ".join(said.lower().replace("_", " ").replace("-", " ").split())
    return _TYPES.get(plain, plain)
