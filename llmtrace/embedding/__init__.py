"""Texts as rows of numbers whose product says how alike they are; for the cache, the router and guardrails.

`LexicalEmbedder` knows spelling, `LocalEmbedder` meaning, `OpenAIEmbedder` asks a provider. All need numpy.
"""

from __future__ import annotations

from llmtrace.embedding.embedder import Embedder, Rows
from llmtrace.embedding.lexical import LexicalEmbedder
from llmtrace.embedding.local import LocalEmbedder
from llmtrace.embedding.remote import OpenAIEmbedder

__all__ = ["Embedder", "LexicalEmbedder", "LocalEmbedder", "OpenAIEmbedder", "Rows"]
