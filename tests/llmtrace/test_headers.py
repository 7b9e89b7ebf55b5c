"""Headers of an answer, however its provider spells them: request id, processing time, region, rate limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.calls import Headers, RateLimit
from llmtrace.reading.headers import read_headers
from support.releases import http as httpx2
from support.spans import attributes

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
GOOD: Any = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": []}
OPENAI: Any = {
    "x-request-id": "req_2a43ba338e294c1589184deeb7a02eb4",
    "openai-processing-ms": "662",
    "x-envoy-upstream-service-time": "668",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-limit-tokens": "30000000",
    "x-ratelimit-remaining-tokens": "29999989",
    "x-ratelimit-reset-tokens": "6m0.5s",
}
DATE = {"date": "Tue, 24 Nov 2026 02:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        pytest.param(
            OPENAI,
            Headers(
                request_id="req_2a43ba338e294c1589184deeb7a02eb4",
                processing_s=0.662,
                requests=RateLimit(limit=10_000, remaining=9_999, reset_s=0.006),
                tokens=RateLimit(limit=30_000_000, remaining=29_999_989, reset_s=360.5),
            ),
            id="openai",
        ),
        pytest.param(
            {
                "apim-request-id": "4e4b1dd6-9a06-40b0-a6e5-50d7f9ee0b5e",
                "x-ms-region": "East US 2",
                "x-envoy-upstream-service-time": "1398",
                "x-ratelimit-limit-requests": "120",
                "x-ratelimit-remaining-requests": "-1",
                "x-ratelimit-reset-requests": "500",
                "x-ratelimit-remaining-tokens": "119",
            },
            Headers(
                request_id="4e4b1dd6-9a06-40b0-a6e5-50d7f9ee0b5e",
                processing_s=1.398,
                region="East US 2",
                requests=RateLimit(limit=120, reset_s=500.0),
                tokens=RateLimit(remaining=119),
            ),
            id="azure",
        ),
        pytest.param(
            {
                **DATE,
                "request-id": "req_018EeWyXxfu5pfWkrYcMdjWG",
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": "2026-11-24T02:00:30Z",
                "anthropic-ratelimit-tokens-limit": "40000",
                "anthropic-ratelimit-tokens-reset": "2026-11-24T01:59:30Z",
            },
            Headers(
                request_id="req_018EeWyXxfu5pfWkrYcMdjWG",
                requests=RateLimit(limit=50, remaining=49, reset_s=30.0),
                tokens=RateLimit(limit=40_000, reset_s=0.0),
            ),
            id="anthropic",
        ),
        pytest.param(
            {
                "x-request-id": "req_01jbd6g2qdfw2adyrt2az8hz4w",
                "x-ratelimit-limit-requests": "14400",
                "x-ratelimit-reset-requests": "2m59.56s",
                "x-ratelimit-reset-tokens": "7.66s",
            },
            Headers(
                request_id="req_01jbd6g2qdfw2adyrt2az8hz4w",
                requests=RateLimit(limit=14_400, reset_s=179.56),
                tokens=RateLimit(reset_s=7.66),
            ),
            id="groq",
        ),
        pytest.param(
            {**DATE, "x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795485660000"},
            Headers(requests=RateLimit(limit=20, remaining=0, reset_s=60.0)),
            id="openrouter",
        ),
    ],
)
def test_each_provider_s_headers_are_read(headers: Mapping[str, str], told: Headers) -> None:
    assert read_headers(httpx2.Headers({name.title(): value for name, value in headers.items()})) == told


NAMES = [*OPENAI, *DATE, "x-ms-region", "apim-request-id", "anthropic-ratelimit-tokens-reset", "x-ratelimit-reset"]
ODD = ["9" * 400, "9" * 400 + "s", "nan", "-1", "1e999", "0001-01-01T00:00:00Z", "٣"]
NONSENSE = st.text("0123456789.hmsun-+eTZ: \x00é٣", max_size=40) | st.sampled_from(ODD)


@given(st.dictionaries(st.sampled_from(NAMES), NONSENSE | st.integers().map(str) | st.datetimes().map(str)))
def test_nonsense_in_headers_never_raises_and_gives_typed_values_or_none(headers: dict[str, str]) -> None:
    told = read_headers(headers)
    for limit in (told.requests, told.tokens):
        assert limit.limit is None or 0 <= limit.limit < 2**63
        assert limit.remaining is None or 0 <= limit.remaining < 2**63
        assert limit.reset_s is None or 0 <= limit.reset_s < float("inf")
    assert told.processing_s is None or 0 <= told.processing_s < float("inf")
    assert told.request_id is None or (told.request_id.isascii() and told.request_id.isprintable())


def test_an_id_that_looks_like_none_is_passed_over_for_the_next() -> None:
    odd = {"x-request-id": "<script>", "x-ms-request-id": "x" * 129, "request-id": "req_1"}
    assert read_headers(odd).request_id == "req_1"


def _client(status: int, headers: Any, body: Any) -> openai.OpenAI:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, headers=headers, json=body))
    return openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport), max_retries=0)


def _check(found: dict[str, Any]) -> None:
    assert found["llmtrace.response.request_id"] == OPENAI["x-request-id"]
    assert found["llmtrace.response.processing_time"] == 0.662
    assert found["llmtrace.rate_limit.requests.limit"] == 10_000
    assert found["llmtrace.rate_limit.requests.remaining"] == 9_999
    assert found["llmtrace.rate_limit.requests.reset"] == 0.006
    assert found["llmtrace.rate_limit.tokens.remaining"] == 29_999_989
    assert found["llmtrace.rate_limit.tokens.reset"] == 360.5
    assert "llmtrace.response.region" not in found


def test_the_headers_of_an_answer_are_on_its_span(traces: Any) -> None:
    with _client(200, OPENAI, GOOD) as client:
        client.chat.completions.create(**CHAT)
    _check(attributes(traces.one()))


def test_the_headers_of_an_error_are_on_its_span(traces: Any) -> None:
    with _client(429, OPENAI, {"error": {"code": "rate_limit_exceeded"}}) as client:
        with pytest.raises(openai.RateLimitError) as raised:
            client.chat.completions.create(**CHAT)
        assert raised.value.request_id == OPENAI["x-request-id"]
    _check(attributes(traces.one()))


def test_the_headers_of_a_stream_and_of_a_path_that_is_not_read_are_told(traces: Any, fake: Any, client: Any) -> None:
    with client.chat.completions.create(**CHAT, stream=True) as stream:
        list(stream)
    with _client(200, OPENAI, {"object": "list", "data": []}) as other:
        other.models.list()
    streamed, listed = (attributes(span) for span in traces.spans())
    assert streamed["llmtrace.response.request_id"].startswith("req_")
    assert streamed["llmtrace.response.processing_time"] == 0.0
    _check(listed)


def test_async_the_headers_of_an_error_are_on_its_span(traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    fake.fail_next(429)
    with pytest.raises(openai.RateLimitError) as raised:
        run(async_client.chat.completions.create(**CHAT))
    assert attributes(traces.one())["llmtrace.response.request_id"] == raised.value.request_id


def test_a_call_without_an_answer_tells_no_headers(traces: Any, client: Any) -> None:
    with pytest.raises(openai.APIConnectionError):
        client.with_options(base_url="http://127.0.0.1:9/v1").chat.completions.create(**CHAT)
    found = attributes(traces.one())
    assert [name for name in found if "rate_limit" in name or "request_id" in name] == []
