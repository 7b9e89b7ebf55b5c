"""The forward pass of all-MiniLM-L6-v2, in numpy: six layers of BERT (arXiv 1810.04805), mean of the pieces, length 1.

The weights are a file in the safetensors format: eight bytes of length, a JSON header, and the numbers.
"""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmtrace.embedding.embedder import unit

Floats = NDArray[np.float32]

_HEADS: Final = 12
_LAYERS: Final = 6
_EPSILON: Final = 1e-12


class MiniLM:
    """The model, its weights in memory (90 MB)."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError when the file is none of this model's."""
        weights = read_safetensors(path)
        try:
            self._words = weights["embeddings.word_embeddings.weight"]
            self._positions = weights["embeddings.position_embeddings.weight"]
            self._kind = weights["embeddings.token_type_embeddings.weight"][0]
            self._norm = _norm(weights, "embeddings.LayerNorm")
            self._layers = [_Layer(weights, f"encoder.layer.{number}") for number in range(_LAYERS)]
        except KeyError as missing:
            raise ValueError(f"{path}: there is no {missing} in it; it is not all-MiniLM-L6-v2") from None

    def embed(self, numbers: NDArray[np.int64], lengths: NDArray[np.int64]) -> Floats:
        """Float32 rows of length 1, for a row of pieces each, of which the first `lengths` count."""
        longest = numbers.shape[1]
        here = np.arange(longest)[None, :] < lengths[:, None]
        held = _normed(self._words[numbers] + self._positions[:longest] + self._kind, self._norm)
        hidden = None if here.all() else np.where(here, np.float32(0), np.float32(-1e9))[:, None, None, :]
        for layer in self._layers:
            held = layer.forward(held, hidden)
        held *= here[:, :, None]
        mean = held.sum(axis=1) / lengths[:, None].astype(np.float32)
        return unit(mean)


class _Layer:
    def __init__(self, weights: dict[str, Floats], name: str) -> None:
        parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        self._in = np.ascontiguousarray(np.concatenate([weights[f"{part}.weight"] for part in parts]).T)
        self._in_bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
        self._out = _dense(weights, f"{name}.attention.output.dense")
        self._norm = _norm(weights, f"{name}.attention.output.LayerNorm")
        self._up = _dense(weights, f"{name}.intermediate.dense")
        self._down = _dense(weights, f"{name}.output.dense")
        self._last_norm = _norm(weights, f"{name}.output.LayerNorm")

    def forward(self, held: Floats, hidden: Floats | None) -> Floats:
        many, longest, width = held.shape
        flat = held.reshape(-1, width)
        joint = (flat @ self._in + self._in_bias).reshape(many, longest, 3, _HEADS, width // _HEADS)
        query, key, value = joint.transpose(2, 0, 3, 1, 4)
        scores = query @ key.transpose(0, 1, 3, 2) * np.float32((width // _HEADS) ** -0.5)
        if hidden is not None:
            scores += hidden
        mixed = (_softmax(scores) @ value).transpose(0, 2, 1, 3).reshape(-1, width)
        flat = _normed(flat + mixed @ self._out[0] + self._out[1], self._norm)
        wide = _gelu(flat @ self._up[0] + self._up[1])
        return _normed(flat + wide @ self._down[0] + self._down[1], self._last_norm).reshape(many, longest, width)


def read_safetensors(path: Path) -> dict[str, Floats]:
    """The float32 arrays of a file, by name; they are views of the mapped file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not in the safetensors format.
    """
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        begin = 8 + int.from_bytes(data[:8], "little")
        header: dict[str, Any] = json.loads(data[8:begin])
        return {
            name: np.frombuffer(
                data, np.float32, int(np.prod(each["shape"], dtype=np.int64)), begin + each["data_offsets"][0]
            ).reshape(each["shape"])
            for name, each in header.items()
            if name != "__metadata__" and each["dtype"] == "F32"
        }
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{path} is not in the safetensors format: {error}") from error


def _dense(weights: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    return np.ascontiguousarray(weights[f"{name}.weight"].T), weights[f"{name}.bias"]


def _norm(weights: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _normed(values: Floats, norm: tuple[Floats, Floats]) -> Floats:
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
    result: Floats = centred / spread * norm[0] + norm[1]
    return result


def _softmax(scores: Floats) -> Floats:
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def _gelu(values: Floats) -> Floats:
    """`x * Phi(x)`, the error function by formula 7.1.26 of Abramowitz and Stegun, within 1.5e-7."""
    scaled = np.abs(values) * np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * scaled)
    tail = t * (
        0.254829592
        + t * (-0.284496736 + t * (np.float32(1.421413741) + t * (-1.453152027 + t * np.float32(1.061405429))))
    )
    tail *= np.exp(-scaled * scaled)
    half = np.float32(0.5) * values
    result: Floats = (half * (1 + np.sign(values) * (1 - tail))).astype(np.float32, copy=False)
    return result
