"""Who asks what in the demonstration, and how much the fake models say they used."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from llmtrace.testing.replies import FakeReply, Json

HEAVY_USERS: Final = ("user-acme", "user-globex")
USERS: Final = (*HEAVY_USERS, *(f"user-{number:02d}" for number in range(1, 13)))
MODELS: Final = ("gpt-4o", "gpt-4o-mini", "gpt-5", "gpt-5-mini", "gpt-5-nano")

QUESTIONS: Final = (
    "Summarise the customer's last three tickets in two sentences.",
    "Which of our plans fits a team of twelve with strict data residency?",
    "Translate this release note into German and keep the product names.",
    "Write a polite answer to the complaint below.",
    "Extract the invoice number and the total from this e-mail.",
)
ANSWERS: Final = (
    "The customer asked twice about the export limit and once about invoices. Both were solved the same day.",
    "The Team plan fits: it keeps data in the region you choose and has room for fifteen people.",
    "Die neue Version ist da. Sie ist schneller und braucht weniger Speicher.",
    "Thank you for telling us. We are sorry for the delay and have sent the parcel again by express.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One step of the play."""

    user: str
    session: str
    model: str
    question: str

    @property
    def messages(self) -> list[Any]:
        """As chat completions wants them."""
        return [
            {"role": "system", "content": "You are the support assistant of a small software company."},
            {"role": "user", "content": self.question},
        ]


def plan_reply(rng: random.Random) -> Callable[[Json], FakeReply]:
    """Replies with sizes as production has them: mostly small, and long contexts for the heavy users."""
    lock = threading.Lock()  # protects rng: the provider answers in threads

    def plan(request: Json) -> FakeReply:
        with lock:
            heavy = request.get("safety_identifier") in HEAVY_USERS
            input_tokens = rng.randint(20_000, 90_000) if heavy else rng.randint(120, 2_500)
            output_tokens = rng.randint(1_500, 6_000) if heavy else rng.randint(20, 500)
            reasons = "gpt-5" in str(request.get("model"))
            format_ = request.get("response_format") or {}
            return FakeReply(
                text='{"invoice": "2026-1107", "total": 119.0}' if format_ else rng.choice(ANSWERS),
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                cached_tokens=input_tokens // 2 if rng.random() < 0.4 else 0,
                reasoning_tokens=output_tokens // 2 if reasons else 0,
                finish_reason="length" if rng.random() < 0.05 else "stop",
                tool=("find_order", {"order": "A-1742"}) if request.get("tools") and rng.random() < 0.7 else None,
            )

    return plan
