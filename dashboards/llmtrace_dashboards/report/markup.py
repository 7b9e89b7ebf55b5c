"""HTML as values: whatever is not made by `tag` is text, and is escaped."""

from __future__ import annotations

import re
from html import escape

_VOID = frozenset({"meta", "br", "hr"})
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Controls, and what turns the direction of the text that follows; names in other scripts need none of them."""


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child = str | Html | None


def text(value: str) -> Html:
    """Any string as text, with a mark in the place of what cannot be seen."""
    return Html(escape(_UNSEEN.sub("\N{REPLACEMENT CHARACTER}", value)))


def tag(element: str, /, *inside: Child, **attributes: str | float | bool | None) -> Html:
    """An element; of attributes `None` and `False` are left out, `class_` is class, and `stroke_width` stroke-width."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(str("" if value is True else value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    start = f"<{element}{given}>"
    return Html(start if element in _VOID else f"{start}{joined(*inside)}</{element}>")


def joined(*parts: Child) -> Html:
    """One after the other."""
    return Html("".join(part if isinstance(part, Html) else text(part) for part in parts if part is not None))


def name(value: str, *, most: int = 80) -> Html:
    """A word from outside: of its own direction, whatever stands around it, and not endless."""
    flat = " ".join(value.split())
    if len(flat) <= most:
        return tag("bdi", flat)
    return tag("bdi", flat[: most - 1] + "…", title=flat[:1_000])


def raw(markup: str) -> Html:
    """What is markup by our own hand, such as a style sheet; never anything from outside."""
    return Html(markup)
