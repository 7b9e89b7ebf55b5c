"""What is sent."""

from __future__ import annotations

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support.otlp import CALL, request, span


def bodies(count: int, spans_each: int, *, seed: int = 7) -> list[bytes]:
    """Requests of realistic spans: 21 attributes and about 3.1 KB each, incompressible where prompts would be.

    Ids follow from the seed too: send what one seed gives once to a store.
    """
    dice = random.Random(seed)
    more = {f"app.attribute.{n}": f"value {n}" for n in range(12)}

    def attributes() -> dict[str, object]:
        text = dice.randbytes(1200).hex()
        return {**CALL, **more, "user.id": f"user-{dice.randrange(1000)}", "app.text": text}

    def one() -> object:
        return span(attributes(), trace_id=dice.randbytes(16), span_id=dice.randbytes(8))

    return [request(*(one() for _ in range(spans_each))) for _ in range(count)]
