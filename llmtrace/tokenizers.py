"""Encodings of ``tiktoken``, from files that are on this machine: nothing here ever goes to the network.

``tiktoken`` itself fetches a missing file at first use. So its loader is passed by: the files lie in a folder of ours,
where ``llmtrace tokenizers fetch`` puts them, and are read with the checksums and the patterns that tiktoken 0.14 has
(``tiktoken_ext/openai_public.py``). Without a file there is the approximation.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from llmtrace import faults
from llmtrace.reading.approximations import approximate_tokens

if TYPE_CHECKING:
    from tiktoken import Encoding

    from llmtrace.reading.token_counts import Counter

APPROXIMATION: Final = "approximation"
MAX_PIECE_CHARS: Final = 4096
"""Of what is encoded at once: the time of a merge grows with the square of a text without spaces."""

_ORIGIN: Final = "https://openaipublic.blob.core.windows.net/encodings"


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodingFile:
    """A file of ranks, as OpenAI publishes it."""

    name: str
    """Of the encoding."""
    sha256: str
    pattern: str
    """Splits a text into pieces, within which bytes are merged."""

    @property
    def url(self) -> str:
        """Where it is published."""
        return f"{_ORIGIN}/{self.filename}"

    @property
    def filename(self) -> str:
        """What it is called, there and in our folder."""
        return f"{self.name}.tiktoken"


ENCODINGS: Final = {
    file.name: file
    for file in (
        EncodingFile(
            name="o200k_base",
            sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
            pattern="|".join(
                (
                    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                    r"\p{N}{1,3}",
                    r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
                    r"\s*[\r\n]+",
                    r"\s+(?!\S)",
                    r"\s+",
                )
            ),
        ),
        EncodingFile(
            name="cl100k_base",
            sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
            pattern=(
                r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
                r"|\s*[\r\n]|\s+(?!\S)|\s"
            ),
        ),
    )
}

# Models before gpt-4o (tiktoken/model.py); all others are counted as the newest ones are.
_CL100K: Final = ("gpt-4-", "gpt-3.5", "gpt-35", "text-embedding", "davinci-002", "babbage-002")


class WrongFileError(ValueError):
    """The bytes are not those that were published."""


def encoding_of(model: str | None) -> str:
    """Name of the encoding a model's texts are counted with. Of models that are not OpenAI's it is an assumption."""
    name = (model or "").rpartition("/")[2].removeprefix("ft:").partition(":")[0]
    return "cl100k_base" if name == "gpt-4" or name.startswith(_CL100K) else "o200k_base"


def folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where encoding files lie: ``LLMTRACE_TOKENIZERS``, else ``llmtrace/tokenizers`` in the user's cache folder."""
    env = os.environ if environ is None else environ
    if given := env.get("LLMTRACE_TOKENIZERS"):
        return Path(given).expanduser()
    # https://specifications.freedesktop.org/basedir-spec: a relative path is to be passed over
    cache = Path(env.get("XDG_CACHE_HOME") or "")
    return (cache if cache.is_absolute() else Path("~/.cache").expanduser()) / "llmtrace" / "tokenizers"


def verified(file: EncodingFile, data: bytes) -> bytes:
    """``data``, when it is what was published.

    Raises:
        WrongFileError: It is something else.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != file.sha256:
        raise WrongFileError(f"{file.filename}: its SHA-256 is {found[:16]}..., {file.sha256[:16]}... was published")
    return data


class Tokenizers:
    """Counts tokens, by an encoding where its file is at hand; loads each once, when it is first needed."""

    def __init__(self, where: Path) -> None:
        self._where = where
        self._loaded: dict[str, Encoding | None] = {}

    def counter(self, model: str | None) -> tuple[str, Counter]:
        """Name of the method, and how it counts the tokens of a text."""
        name = encoding_of(model)
        if name not in self._loaded:
            self._loaded[name] = self._load(ENCODINGS[name])
        encoding = self._loaded[name]
        return (APPROXIMATION, approximate_tokens) if encoding is None else (name, lambda text: _count(encoding, text))

    def _load(self, file: EncodingFile) -> Encoding | None:
        path = self._where / file.filename
        try:
            data = path.read_bytes()
        except OSError:  # not there, the usual case, or not ours to read
            return None
        try:
            return load_encoding(file, verified(file, data))
        except (WrongFileError, ImportError) as error:
            faults.say_once(
                f"tokenizer-{file.name}",
                "llmtrace: %s; tokens are approximated. Run: llmtrace tokenizers fetch --encoding %s",
                error,
                file.name,
            )
            return None


def load_encoding(file: EncodingFile, data: bytes) -> Encoding:
    """The encoding whose ranks ``data`` has, a line each: the token's bytes in base64, and its rank."""
    from tiktoken import Encoding

    lines = (line.split() for line in data.splitlines() if line)
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    # No special tokens: a text that spells one is a text.
    return Encoding(name=file.name, pat_str=file.pattern, mergeable_ranks=ranks, special_tokens={})


def _count(encoding: Encoding, text: str) -> int:
    text = text.encode("utf-8", "replace").decode() if not text.isascii() else text
    total = at = 0
    while at < len(text):
        end = at + MAX_PIECE_CHARS
        # Words are encoded with the space before them: a cut there changes nothing.
        if end < len(text) and (space := text.rfind(" ", at + 1, end)) > 0:
            end = space
        total += len(encoding.encode_ordinary(text[at:end]))
        at = end
    return total
