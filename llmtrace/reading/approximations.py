"""About how many tokens a text is, without an encoding's file: by pieces, as encodings split text before they merge.

The pieces are those of ``o200k_base`` (tiktoken, ``tiktoken_ext/openai_public.py``): words with the space before them,
numbers of up to three digits, runs of punctuation, line ends. What a piece costs was chosen by hand, not fitted;
``benchmarks/estimates.py`` measures the error on recorded calls, docs/reference/instrument.md states it.
"""

from __future__ import annotations

import re
from typing import Final

_PIECES: Final = re.compile(
    r"(?P<word>[A-Za-z]+)"
    r"|(?P<number>\d{1,3})"
    r"|(?P<east>[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])"
    r"|(?P<letters>[^\W\d_]+)"
    r"|(?P<line>[\r\n]+)"
    r"|(?P<space>[^\S\r\n]{2,})"
    r"|(?P<marks>[^\w\s]+|_+)"
)
_EAST: Final = 0.75
"""Tokens of a Chinese, Japanese or Korean character."""
_OTHER_LETTERS: Final = 0.35
"""Tokens of a letter with accents, or of another alphabet."""


def approximate_tokens(text: str) -> float:
    """About how many tokens ``text`` is."""
    total = 0.0
    for piece in _PIECES.finditer(text):
        kind = piece.lastgroup
        length = piece.end() - piece.start()
        if kind == "word":
            total += 1 if length <= 8 else 1 + (length - 8) / 5
        elif kind == "east":
            total += _EAST
        elif kind == "letters":
            total += max(1.0, length * _OTHER_LETTERS)
        elif kind == "marks":
            total += 1 if length <= 3 else 1 + (length - 3) / 4
        elif kind == "space":
            total += 0.5
        else:
            total += 1
    return total
