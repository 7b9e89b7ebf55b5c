"""A span through a collector that runs somewhere: `python tests/support/smoke.py URL`, with LLMTRACE_INGEST_KEY.

Exit code 0 once the collector's own books say that it is stored and nothing is missing.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.otlp import post, request, span
from support.waiting import wait_for

_TERM = re.compile(r'^llmtrace_ledger_items\{signal="traces",term="(\w+)"\} (\S+)$', re.MULTILINE)


def main(url: str) -> int:
    """Sends a span and waits for it."""
    key = os.environ.get("LLMTRACE_INGEST_KEY", "")
    before = terms(url).get("stored", 0)
    status, body, _ = post(f"{url}/v1/traces", request(span()), **({"authorization": f"Bearer {key}"} if key else {}))
    assert status == 200, (status, body)
    wait_for(lambda: (now := terms(url)).get("stored", 0) > before and now.get("missing") == 0, 120)
    print(f"stored, and nothing is missing: {terms(url)}")
    return 0


def terms(url: str) -> dict[str, float]:
    """The books of the collector for traces."""
    return {term: float(value) for term, value in _TERM.findall(post(f"{url}/metrics", None)[1].decode())}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
