"""Vector store searches, embeddings, and the input-token count."""

from __future__ import annotations

import re
from typing import Final

from llmtrace import semconv as names
from llmtrace.details.fields import Bodies, Details
from llmtrace.reading.json_values import count, items, word

_STORE: Final = re.compile(r"/vector_stores/([^/]+)/")


def search(bodies: Bodies) -> Details:
    """Which store, how much was asked for, how much was found."""
    found = _STORE.search(bodies.path)
    results = bodies.answered.get("data")
    return {
        names.DATA_SOURCE_ID: word(found[1]) if found else None,
        names.RETRIEVAL_TOP_K: count(bodies.sent.get("max_num_results")),
        names.REQUEST_INPUTS_COUNT: inputs_count(bodies.sent.get("query")),
        names.RESPONSE_RESULTS_COUNT: len(results) if isinstance(results, list) else None,
    }


def embeddings(bodies: Bodies) -> Details:
    """How many inputs there were."""
    return {names.REQUEST_INPUTS_COUNT: inputs_count(bodies.sent.get("input"))}


def token_count(bodies: Bodies) -> Details:
    """What a call with this input would use. Nothing was used: this is not usage."""
    return {names.TOKEN_COUNT: count(bodies.answered.get("input_tokens"))}


def inputs_count(given: object) -> int | None:
    """How many inputs: a string, one list of tokens, or one list of parts of a message is one."""
    if isinstance(given, str):
        return 1
    entries = items(given)
    is_one = bool(entries) and isinstance(entries[0], int | dict)
    return 1 if is_one else len(entries) or None
