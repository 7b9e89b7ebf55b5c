"""What an operation tells of its own: verdicts, counts and states, without content."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from llmtrace.testing import FakeReply
from llmtrace.testing.replies import responses_body
from support.spans import attributes

CATEGORIES = {"violence": True, "violence/graphic": False, "hate": True, "self-harm": False}
RESULT = {"flagged": True, "categories": CATEGORIES, "category_scores": {"violence": 0.9}}
CLEAR = {"flagged": False, "categories": dict.fromkeys(CATEGORIES, False), "category_scores": {}}
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 0},
    "output_tokens": 4,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 104,
}


def test_a_moderation_is_a_verdict_without_the_text(traces: Any, fake: Any, client: Any) -> None:
    body = {"id": "modr-1", "model": "omni-moderation-latest", "results": [CLEAR, RESULT]}
    fake.script("POST", "/moderations", body)
    client.moderations.create(model="omni-moderation-latest", input=["be nice", "a secret"])
    span = traces.one()
    found = attributes(span)
    assert (span.name, span.kind) == ("moderations omni-moderation-latest", SpanKind.CLIENT)
    assert found["llmtrace.moderation.flagged"] is True
    assert found["llmtrace.moderation.categories"] == ("hate", "violence")
    assert found["llmtrace.moderation.flagged.count"] == 1
    assert found["llmtrace.request.inputs.count"] == 2
    assert found["gen_ai.response.id"] == "modr-1"
    assert "secret" not in json.dumps(found)
    assert not [name for name in found if name.startswith("llmtrace.cost")]


@pytest.mark.parametrize(
    ("given", "inputs"),
    [("one", 1), (["one", "two"], 2), ([{"type": "text", "text": "x"}, {"type": "image_url"}], 1)],
)
def test_the_inputs_of_a_moderation_are_counted(
    given: Any, inputs: int, traces: Any, fake_and_client: tuple[Any, Any]
) -> None:
    fake, client = fake_and_client
    fake.script("POST", "/moderations", {"id": "modr-1", "model": "m", "results": [CLEAR]})
    client.moderations.create(input=given)
    found = attributes(traces.one())
    assert found["llmtrace.request.inputs.count"] == inputs
    assert found["llmtrace.moderation.flagged"] is False
    assert "llmtrace.moderation.categories" not in found


def test_a_moderation_inside_a_response_says_which_side_was_flagged(traces: Any, fake: Any, client: Any) -> None:
    verdicts = {"input": {**CLEAR, "type": "moderation_result"}, "output": {**RESULT, "type": "moderation_result"}}
    body = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [], "usage": USAGE}
    fake.script("POST", "/responses", {**body, "moderation": verdicts})
    client.responses.create(model="m", input="x", extra_body={"moderation": {"model": "omni-moderation-latest"}})
    found = attributes(traces.one())
    assert found["llmtrace.moderation.flagged"] is True
    assert found["llmtrace.moderation.flagged.parts"] == ("output",)
    assert found["llmtrace.moderation.categories"] == ("hate", "violence")


def test_a_moderation_inside_a_chat_and_its_stream(traces: Any, fake: Any, client: Any) -> None:
    flagged = {"type": "moderation_results", "model": "m", "results": [RESULT]}
    verdicts = {"input": flagged, "output": {"type": "error", "code": "timeout", "message": "x"}}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
    chunk = {**choice, "delta": {"content": "hi"}}
    fake.script("POST", "/chat/completions", {"id": "c", "model": "m", "choices": [choice], "moderation": verdicts})
    client.chat.completions.create(model="m", messages=[])
    head = {"id": "c", "object": "chat.completion.chunk", "model": "m"}
    fake.script(
        "POST", "/chat/completions", [{**head, "choices": [chunk]}, {**head, "choices": [], "moderation": verdicts}]
    )
    list(client.chat.completions.create(model="m", messages=[], stream=True))
    for span in traces.spans():
        assert attributes(span)["llmtrace.moderation.flagged.parts"] == ("input",)


def test_decisions_tell_questions_refusals_and_usage(
    traces: Any, fake: Any, client: Any, run: Any, async_client: Any
) -> None:
    answers = [{"type": "predicate", "probability": 0.4}, {"type": "refusal"}]
    fake.script("POST", "/decisions", {"model": "gpt-6-luna", "answers": answers, "usage": USAGE})
    questions: Any = [{"type": "predicate", "instructions": "a secret?"}, {"type": "predicate", "instructions": "b?"}]
    client.decisions.create(model="gpt-6-luna", input="x", questions=questions)
    run(async_client.decisions.create(model="gpt-6-luna", input="x", questions=questions))
    for span in traces.spans():
        found = attributes(span)
        assert span.name == "decisions gpt-6-luna"
        assert found["llmtrace.decision.questions.count"] == 2
        assert found["llmtrace.decision.refusals.count"] == 1
        assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.cache_read.input_tokens"]) == (100, 10)
        assert "secret" not in json.dumps(found)


def test_a_search_tells_its_store_how_many_were_asked_for_and_found(traces: Any, fake: Any, client: Any) -> None:
    hit = {"file_id": "file-1", "filename": "f", "score": 0.9, "content": [{"type": "text", "text": "a secret"}]}
    page = {"object": "vector_store.search_results.page", "search_query": ["q"], "data": [hit, hit], "has_more": False}
    fake.script("POST", "/vector_stores/vs_1/search", page)
    list(client.vector_stores.search("vs_1", query="where?", max_num_results=5))
    span = traces.one()
    found = attributes(span)
    assert span.name == "retrieval"
    assert found["gen_ai.data_source.id"] == "vs_1"
    assert found["gen_ai.retrieval.top_k"] == 5
    assert found["llmtrace.response.results.count"] == 2
    assert "secret" not in json.dumps(found)


def test_counting_tokens_uses_none(traces: Any, fake: Any, client: Any) -> None:
    fake.script("POST", "/responses/input_tokens", {"object": "response.input_tokens", "input_tokens": 11})
    client.responses.input_tokens.count(model="gpt-5", input="hello")
    found = attributes(traces.one())
    assert found["llmtrace.token_count.input_tokens"] == 11
    assert not [name for name in found if "usage" in name or "cost" in name]


def test_compacting_is_a_call_of_a_model_and_is_billed(traces: Any, fake: Any, client: Any) -> None:
    output = [{"type": "compaction", "id": "cmp_1", "encrypted_content": "a secret"}]
    body = {"id": "resp_1", "object": "response.compaction", "created_at": 1, "output": output, "usage": USAGE}
    fake.script("POST", "/responses/compact", body)
    client.responses.compact(model="gpt-5", input="x")
    found = attributes(traces.one())
    assert traces.one().name == "responses.compact gpt-5"
    assert found["gen_ai.usage.input_tokens"] == 100
    assert [name for name in found if name.startswith("llmtrace.cost")]
    assert "gen_ai.conversation.compacted" not in found, "it makes a compacted view and was shown none"
    assert "secret" not in json.dumps(found)


def test_a_response_tells_that_its_context_is_a_compacted_one(traces: Any, fake: Any, client: Any) -> None:
    compaction = {"type": "compaction", "id": "cmp_1", "encrypted_content": "a secret"}
    said = {"role": "user", "content": "and now?"}
    answer = responses_body({"model": "gpt-5"}, FakeReply())
    fake.script("POST", "/responses", answer, {**answer, "output": [compaction, *answer["output"]]}, answer)
    client.responses.create(model="gpt-5", input=[compaction, said])
    client.responses.create(model="gpt-5", input=[said], context_management=[{"type": "compaction"}])
    client.responses.create(model="gpt-5", input=[said])
    found = [attributes(span) for span in traces.spans()]
    assert [each.get("gen_ai.conversation.compacted") for each in found] == [True, True, None]
    assert "secret" not in json.dumps(found)


def test_a_batch_tells_how_it_stands_and_what_it_used_is_no_usage_of_the_fetch(
    traces: Any, fake: Any, client: Any
) -> None:
    batch = {
        "id": "batch_1",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "status": "completed",
        "model": "gpt-5-mini",
        "request_counts": {"total": 3, "completed": 2, "failed": 1},
        "usage": {**USAGE, "input_tokens": 5000},
    }
    fake.script("POST", "/batches", {**batch, "status": "validating", "usage": None})
    fake.script("GET", "/batches/batch_1", batch)
    client.batches.create(completion_window="24h", endpoint="/v1/chat/completions", input_file_id="file-1")
    client.batches.retrieve("batch_1")
    made, fetched = (attributes(span) for span in traces.spans())
    assert (made["http.request.method"], fetched["http.request.method"]) == ("POST", "GET")
    assert (made["llmtrace.object.status"], fetched["llmtrace.object.status"]) == ("validating", "completed")
    assert fetched["llmtrace.object.id"] == "batch_1"
    assert fetched["llmtrace.batch.endpoint"] == "/v1/chat/completions"
    assert [fetched[f"llmtrace.batch.requests.{kind}"] for kind in ("total", "completed", "failed")] == [3, 2, 1]
    assert fetched["llmtrace.batch.usage.input_tokens"] == 5000
    assert "gen_ai.usage.input_tokens" not in fetched


def test_a_fine_tuning_job_tells_its_models_and_why_it_failed(traces: Any, fake: Any, client: Any) -> None:
    job = {
        "id": "ftjob-1",
        "object": "fine_tuning.job",
        "model": "gpt-4o-mini-2024-07-18",
        "status": "failed",
        "fine_tuned_model": "ft:gpt-4o-mini:org::abc",
        "trained_tokens": 900,
        "error": {"code": "invalid_training_file", "message": "a secret"},
    }
    fake.script("GET", "/fine_tuning/jobs/ftjob-1", job)
    client.fine_tuning.jobs.retrieve("ftjob-1")
    span = traces.one()
    found = attributes(span)
    assert found["gen_ai.response.model"] == "gpt-4o-mini-2024-07-18"
    assert found["llmtrace.fine_tuning.model"] == "ft:gpt-4o-mini:org::abc"
    assert found["llmtrace.fine_tuning.trained_tokens"] == 900
    assert found["llmtrace.object.error.code"] == "invalid_training_file"
    assert "error.type" not in found
    assert "secret" not in json.dumps(found)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_video_tells_seconds_size_and_progress(traces: Any, fake: Any, client: Any) -> None:
    video = {"id": "video_1", "object": "video", "model": "sora-2", "status": "queued", "progress": 0,
             "seconds": "8", "size": "720x1280", "created_at": 1, "prompt": "a secret"}  # fmt: skip
    fake.script("POST", "/videos", video)
    fake.script("GET", "/videos/video_1", {**video, "status": "completed", "progress": 100})
    client.videos.create(model="sora-2", prompt="a secret", seconds="8", size="720x1280")
    client.videos.retrieve("video_1")
    made, fetched = (attributes(span) for span in traces.spans())
    assert made["gen_ai.request.model"] == "sora-2"
    assert (made["llmtrace.request.video.seconds"], made["llmtrace.request.video.size"]) == (8.0, "720x1280")
    assert fetched["llmtrace.response.video.seconds"] == 8.0
    assert fetched["llmtrace.object.progress"] == 100
    assert made["gen_ai.output.type"] == fetched["gen_ai.output.type"] == "video"
    assert "secret" not in json.dumps([made, fetched])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_assistants_are_agents_and_threads_are_conversations(traces: Any, fake: Any, client: Any) -> None:
    thread_run = {"id": "run_1", "object": "thread.run", "assistant_id": "asst_1", "thread_id": "thread_1",
                  "status": "queued", "model": "gpt-4o"}  # fmt: skip
    fake.script("POST", "/assistants", {"id": "asst_1", "object": "assistant", "model": "gpt-4o"})
    fake.script("POST", "/threads/thread_1/runs", thread_run)
    fake.script("GET", "/threads/thread_1/runs/run_1", {**thread_run, "status": "completed"})
    client.beta.assistants.create(model="gpt-4o")
    client.beta.threads.runs.create("thread_1", assistant_id="asst_1")
    client.beta.threads.runs.retrieve("run_1", thread_id="thread_1")
    created, invoked, fetched = traces.spans()
    assert (created.name, invoked.name, fetched.name) == ("create_agent gpt-4o", "invoke_agent", "threads.runs")
    for span in (created, invoked, fetched):
        assert attributes(span)["gen_ai.agent.id"] == "asst_1"
    for span in (invoked, fetched):
        assert attributes(span)["gen_ai.conversation.id"] == "thread_1"
    assert attributes(fetched)["llmtrace.object.status"] == "completed"


def test_a_file_that_is_sent_is_told_by_its_id_alone(traces: Any, fake: Any, client: Any) -> None:
    fake.script("POST", "/files", {"id": "file-1", "object": "file", "filename": "secret.jsonl", "status": "processed"})
    client.files.create(file=("secret.jsonl", b"{}\n" * 1000), purpose="batch")
    found = attributes(traces.one())
    assert (found["llmtrace.object.type"], found["llmtrace.object.id"]) == ("file", "file-1")
    assert "secret" not in json.dumps(found)


def test_a_path_nobody_knows_is_named_and_not_read(traces: Any, fake: Any, client: Any) -> None:
    fake.script("POST", "/a_path/id-1", {"id": "x", "usage": USAGE, "text": "a secret"})
    client.post("/a_path/id-1", body={"model": "m", "temperature": 1}, cast_to=dict[str, Any])
    span = traces.one()
    assert span.name == "a_path m"
    assert span.kind is SpanKind.CLIENT
    assert set(attributes(span)) == {
        "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port",
        "http.request.method", "llmtrace.response.request_id", "llmtrace.response.processing_time",
    }  # fmt: skip
