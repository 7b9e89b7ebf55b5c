"""A user's app, as small as they come: `python app.py BASE_URL`."""

from __future__ import annotations

import asyncio
import sys

import openai

import llmtrace

llmtrace.instrument()

QUESTION = [{"role": "user", "content": "<b>What</b> does a span cost?"}]


def main(base_url: str) -> None:
    client = openai.OpenAI(base_url=base_url, api_key="unused", max_retries=0)
    for n in range(4):
        with llmtrace.context(user="ada" if n % 2 else "bob", session=f"s{n}"):
            client.chat.completions.create(model="gpt-4o", messages=QUESTION)
    stream = client.chat.completions.create(
        model="gpt-4o", messages=QUESTION, stream=True, stream_options={"include_usage": True}, user="ada"
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    client.responses.create(model="gpt-4o", input="And a row?", safety_identifier="bob")
    client.embeddings.create(model="text-embedding-3-small", input="a sentence")
    client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once")
    asyncio.run(ask_async(base_url))


async def ask_async(base_url: str) -> None:
    async with openai.AsyncOpenAI(base_url=base_url, api_key="unused") as client:
        await client.chat.completions.create(model="gpt-4o", messages=QUESTION)


if __name__ == "__main__":
    main(sys.argv[1])
