"""Usage blocks of every API are read as reported; the provider's tools are counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmtrace.calls import ToolCalls, Usage
from llmtrace.reading.tools import read_tools
from llmtrace.reading.usage import read_usage

CASES: dict[str, tuple[Any, Usage]] = {
    "chat": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {
                "cached_tokens": 40,
                "cache_write_tokens": 10,
                "audio_tokens": 5,
                "image_tokens": 7,
                "text_tokens": 88,
            },
            "completion_tokens_details": {
                "reasoning_tokens": 20,
                "audio_tokens": 3,
                "text_tokens": 27,
                "accepted_prediction_tokens": 4,
                "rejected_prediction_tokens": 6,
            },
        },
        Usage(
            input=100,
            output=50,
            total=150,
            cache_read=40,
            cache_write=10,
            audio_input=5,
            image_input=7,
            text_input=88,
            reasoning=20,
            audio_output=3,
            text_output=27,
            accepted_prediction=4,
            rejected_prediction=6,
        ),
    ),
    "responses": (
        {
            "input_tokens": 100,
            "input_tokens_details": {
                "cached_tokens": 40,
                "cache_write_tokens": 10,
                "cache_write_tokens_details": {"ttl_12h_tokens": 4, "ttl_30m_tokens": 6},
            },
            "output_tokens": 50,
            "output_tokens_details": {"reasoning_tokens": 20},
            "total_tokens": 150,
        },
        Usage(input=100, output=50, total=150, cache_read=40, cache_write=10, cache_write_12h=4, reasoning=20),
    ),
    "images": (
        {
            "input_tokens": 60,
            "input_tokens_details": {"image_tokens": 50, "text_tokens": 10},
            "output_tokens": 400,
            "output_tokens_details": {"image_tokens": 390, "text_tokens": 10},
            "total_tokens": 460,
        },
        Usage(input=60, output=400, total=460, image_input=50, text_input=10, image_output=390, text_output=10),
    ),
    "a transcription by tokens": (
        {
            "type": "tokens",
            "input_tokens": 14,
            "input_token_details": {"audio_tokens": 14, "text_tokens": 0},
            "output_tokens": 45,
            "total_tokens": 59,
        },
        Usage(input=14, output=45, total=59, audio_input=14, text_input=0),
    ),
    "a transcription by length": ({"type": "duration", "seconds": 9.5}, Usage(audio_seconds=9.5)),
    "realtime": (
        {
            "total_tokens": 250,
            "input_tokens": 130,
            "output_tokens": 120,
            "input_token_details": {
                "text_tokens": 110,
                "audio_tokens": 20,
                "image_tokens": 0,
                "cached_tokens": 64,
                "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 4, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": 30, "audio_tokens": 90},
        },
        Usage(
            input=130,
            output=120,
            total=250,
            text_input=110,
            audio_input=20,
            image_input=0,
            cache_read=64,
            text_cache_read=60,
            audio_cache_read=4,
            image_cache_read=0,
            text_output=30,
            audio_output=90,
        ),
    ),
    "embeddings": ({"prompt_tokens": 8, "total_tokens": 8}, Usage(input=8, total=8)),
    "DeepSeek's": (
        {"prompt_tokens": 8, "completion_tokens": 2, "prompt_cache_hit_tokens": 3, "prompt_cache_miss_tokens": 5},
        Usage(input=8, output=2, cache_read=3),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_api_s_counts_are_taken_as_they_are(name: str) -> None:
    block, expected = CASES[name]
    assert read_usage(block) == expected


SEARCH = {"type": "web_search_call", "action": {"type": "search", "query": "x"}}
OPEN = {"type": "web_search_call", "action": {"type": "open_page", "url": "https://e.test"}}


@pytest.mark.parametrize(
    ("body", "tools"),
    [
        (
            {"output": [SEARCH, OPEN], "tools": [{"type": "web_search"}]},
            (ToolCalls(tool="web_search", count=2, billed=1),),
        ),
        (
            {
                "output": [SEARCH, OPEN],
                "tools": [{"type": "web_search"}],
                "tool_usage": {"web_search": {"num_requests": 3}},
            },
            (ToolCalls(tool="web_search", count=2, billed=3),),
        ),
        (
            {"output": [SEARCH], "tools": [{"type": "web_search_preview"}]},
            (ToolCalls(tool="web_search", count=1),),
        ),
        ({"output": [{"type": "file_search_call"}] * 2}, (ToolCalls(tool="file_search", count=2, billed=2),)),
        (
            {"output": [{"type": "code_interpreter_call"}, {"type": "image_generation_call"}]},
            (ToolCalls(tool="code_interpreter", count=1), ToolCalls(tool="image_generation", count=1)),
        ),
        (
            {
                "output": [{"type": "image_generation_call"}],
                "tools": [{"type": "image_generation", "model": "gpt-image-1.5"}],
                "tool_usage": {
                    "image_gen": {
                        **CASES["images"][0],
                        "cached_tokens": 20,
                        "cached_tokens_details": {"cached_image_tokens": 15, "cached_text_tokens": 5},
                    },
                    "web_search": {"num_requests": 0},
                },
            },
            (
                ToolCalls(
                    tool="image_generation",
                    count=1,
                    model="gpt-image-1.5",
                    usage=replace(CASES["images"][1], cache_read=20, image_cache_read=15, text_cache_read=5),
                ),
            ),
        ),
        (
            {"output": [{"type": "image_generation_call"}], "tool_usage": {"image_gen": CASES["images"][0]}},
            (ToolCalls(tool="image_generation", count=1),),
        ),
        (
            {"output": [{"type": "mcp_call"}, {"type": "computer_call"}, {"type": "mcp_list_tools"}]},
            (
                ToolCalls(tool="computer", count=1, is_billed_apart=False),
                ToolCalls(tool="mcp", count=1, is_billed_apart=False),
            ),
        ),
        (
            {"output": [{"type": "local_shell_call"}, {"type": "apply_patch_call"}, {"type": "function_call"}]},
            (),
        ),
        ({"output": [{"type": "shell_call", "environment": {"type": "local"}}]}, ()),
        ({"output": [{"type": "shell_call", "environment": None}]}, (ToolCalls(tool="shell", count=1),)),
        ({"output": "?", "tools": 3, "tool_usage": []}, ()),
    ],
)
def test_the_provider_s_own_tools_are_counted_and_the_app_s_are_not(body: Any, tools: Any) -> None:
    assert read_tools(body) == tools
