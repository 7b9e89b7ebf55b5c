"""What understanding a span costs the store: CPU of inserts of whole segments, by dialect and size.

    python benchmarks/dialects.py [--rounds 5] [--spans 4000]

Inserts go straight to the landing table under new tokens, as the writer does. CPU is that of the store process, user
and system, until the row is in `spans`; merges in the background are in it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from ingest import cpu_s

from llmtrace_collector.schema.migrate import migrate
from llmtrace_collector.wal.record import encode
from llmtrace_collector.writer import INSERT_SETTINGS
from support.otlp import CALL, request, span
from support.services import stack_at

MORE = {f"app.attribute.{n}": f"value {n}" for n in range(12)}


def genai(dice: random.Random) -> dict[str, Any]:
    """As `instrument()` writes them, with content of about 2.4 KB."""
    asked = [{"role": "user", "parts": [{"type": "text", "content": dice.randbytes(800).hex()}]}]
    answered = [{"role": "assistant", "parts": [{"type": "text", "content": dice.randbytes(300).hex()}]}]
    return {
        **CALL,
        **MORE,
        "user.id": f"user-{dice.randrange(1000)}",
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps(answered),
    }


def plain(dice: random.Random) -> dict[str, Any]:
    """Without content: text in an attribute of the app."""
    return {**CALL, **MORE, "user.id": f"user-{dice.randrange(1000)}", "app.text": dice.randbytes(1200).hex()}


def openinference(dice: random.Random) -> dict[str, Any]:
    """Indexed messages of the same size."""
    return {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.model_name": "gpt-4o",
        "llm.token_count.prompt": 10,
        "llm.token_count.completion": 5,
        "llm.token_count.total": 15,
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "Be brief.",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.content": dice.randbytes(800).hex(),
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": dice.randbytes(300).hex(),
        "user.id": f"user-{dice.randrange(1000)}",
        **MORE,
    }


KINDS = {"genai, content": genai, "genai, no content": plain, "openinference": openinference}


def main() -> None:
    """Runs the loads and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--spans", type=int, default=4000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stack_at(Path(folder)) as stack:
        store = stack.store().popen.pid
        owner = stack.owner()
        migrate(owner)

        def insert(bodies: list[bytes]) -> float:
            content = b"".join(encode(project="default", received_ns=time.time_ns(), request=b) for b in bodies)
            token = {"insert_deduplication_token": os.urandom(8).hex()}
            before = cpu_s(store)
            owner.raw_insert(
                "otlp_traces_flat", insert_block=content, fmt="Protobuf", settings={**INSERT_SETTINGS, **token}
            )
            return cpu_s(store) - before

        print(f"{'':<20} {'spans/CPU-s':>12} {'CPU-ms for an insert of one span':>34}")
        for name, make in KINDS.items():
            dice = random.Random(7)
            large = [request(*(span(make(dice)) for _ in range(100))) for _ in range(given.spans // 100)]
            one = [request(span(make(dice)))]
            insert(large), insert(one)
            took = [insert(large) for _ in range(given.rounds)]
            small = [sum(insert(one) for _ in range(10)) / 10 for _ in range(given.rounds)]
            rate = given.spans / statistics.median(took)
            print(f"{name:<20} {rate:>12,.0f} {statistics.median(small) * 1e3:>34,.0f}", flush=True)


if __name__ == "__main__":
    main()
