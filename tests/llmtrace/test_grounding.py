"""Retrieval on spans by the conventions, and which sentences of an answer stand in what was retrieved."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmtrace
from llmtrace import grounding
from support.spans import attributes

PAGES: list[Any] = [
    {"id": "p-1", "score": 0.93, "content": "The Kestrel pump runs at 2,400 rpm and weighs 12.50 kg."},
    {"id": "p-2", "score": 0.4, "text": "Filters are changed every six months by a technician."},
]


@dataclass
class Page:
    """As libraries of retrieval have documents."""

    id: str
    score: float
    page_content: str


def test_a_retrieval_tells_query_documents_ids_and_scores_where_content_is_captured(make_traces: Any) -> None:
    traces = make_traces(capture_content=True)
    with grounding.retrieval("handbook", "how fast is it?") as found:
        assert found.documents(PAGES) == PAGES
    span = traces.one()
    told = attributes(span)
    assert (span.name, told["gen_ai.operation.name"]) == ("retrieval handbook", "retrieval")
    assert (told["gen_ai.data_source.id"], told["gen_ai.retrieval.query.text"]) == ("handbook", "how fast is it?")
    documents = json.loads(told["gen_ai.retrieval.documents"])
    assert [(each["id"], each["score"]) for each in documents] == [("p-1", 0.93), ("p-2", 0.4)]
    assert documents[1]["content"].startswith("Filters")


def test_without_capture_only_how_many_and_how_near_is_told(make_traces: Any) -> None:
    traces = make_traces()
    search = grounding.retrieved("handbook")(lambda query: [Page("p-1", 0.5, query), "plain text"])
    assert len(search("secret question")) == 2
    told = attributes(traces.one())
    assert (told["llmtrace.retrieval.documents.count"], told["llmtrace.retrieval.top_score"]) == (2, 0.5)
    assert "secret question" not in str(told)
    assert not [name for name in told if name.startswith("gen_ai.retrieval.")]


def test_a_search_that_finds_nothing_or_runs_untraced_is_left_as_it_is(make_traces: Any) -> None:
    with grounding.retrieval("handbook", "q") as found:
        assert found.documents([]) == []
    traces = make_traces()
    with pytest.raises(LookupError), grounding.retrieval("handbook", "q"):
        raise LookupError
    told = attributes(traces.one())
    assert told["error.type"] == "LookupError"


def test_each_sentence_names_the_document_it_stands_in_and_what_stands_nowhere() -> None:
    answer = (
        "The Kestrel pump runs at 2400 rpm. It weighs 12.5 kg. "
        "Filters are polished every month by two robots. It is blue!"
    )
    found = grounding.coverage(answer, PAGES)
    assert [(s.document, s.is_supported) for s in found.sentences] == [
        (0, True), (0, True), (1, False), (None, False),
    ]  # fmt: skip
    assert (found.share, found.used) == (0.5, (0,))
    assert answer[found.sentences[2].start : found.sentences[2].end].strip().startswith("Filters")


def test_a_number_that_stands_nowhere_is_never_supported() -> None:
    found = grounding.coverage("The Kestrel pump runs at 2,500 rpm.", [Page("a", 1.0, PAGES[0]["content"])])
    assert (found.share, found.sentences[0].missing_numbers) == (0.0, ("2500",))


@pytest.mark.parametrize(("answer", "documents"), [("", PAGES), ("Yes.", PAGES), ("...", [])])
def test_where_there_is_nothing_to_look_up_there_is_no_share(answer: str, documents: Any) -> None:
    assert grounding.coverage(answer, documents).share is None


@given(st.text(max_size=300), st.lists(st.text(max_size=100), max_size=4))
def test_a_text_stands_in_itself_and_every_sentence_has_its_place(answer: str, others: list[str]) -> None:
    found = grounding.coverage(answer, [*others, answer])
    assert found.share in {None, 1.0}
    assert all(0 <= s.start < s.end <= len(answer) for s in found.sentences)
    alone = grounding.coverage(answer, others)
    assert all(0 <= s.share <= 1 and (s.document is None or s.document < len(others)) for s in alone.sentences)


def test_the_room_is_there_without_being_imported() -> None:
    assert llmtrace.grounding is grounding
