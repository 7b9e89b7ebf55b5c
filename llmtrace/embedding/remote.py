"""Rows from the embeddings API, through a client the app has made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from llmtrace.embedding.embedder import Rows, unit

_BATCH: Final = 512
"""Texts a request; OpenAI takes 2,048."""


class OpenAIEmbedder:
    """OpenAI's embeddings, or those of anything that answers in its way.

    The calls are made by the client as any other call of the app, so they are spans and cost what they cost.
    """

    waits: bool = True

    def __init__(
        self, client: Any, *, model: str = "text-embedding-3-small", dimension: int = 512, timeout_s: float = 5.0
    ) -> None:
        """`client` is an `openai.OpenAI`; one that does not block cannot be used here."""
        self._client = client
        self._model = model
        self._timeout_s = timeout_s
        self.dimension = dimension

    @property
    def name(self) -> str:
        """The model and the dimension."""
        return f"{self._model}-{self.dimension}"

    def embed(self, texts: Sequence[str]) -> Rows:
        """A row for each text.

        Raises:
            Exception: what the client raises.
            ValueError: the answer has not a row of that dimension for each text.
        """
        rows: list[Any] = []
        for start in range(0, len(texts), _BATCH):
            # An empty text is refused by the API.
            asked = [text or " " for text in texts[start : start + _BATCH]]
            answer = self._client.embeddings.create(
                model=self._model, input=asked, dimensions=self.dimension, timeout=self._timeout_s
            )
            rows += [each.embedding for each in sorted(answer.data, key=lambda each: int(each.index))]
        if {len(row) for row in rows} - {self.dimension} or len(rows) != len(texts):
            raise ValueError(f"{self._model} gave no row of {self.dimension} numbers for each of {len(texts)} texts")
        return unit(np.array(rows, np.float32).reshape(len(texts), self.dimension))
