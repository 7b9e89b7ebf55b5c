"""Content as it may leave the process: read, without blobs, redacted, and within bounds. A stage of its own.

bodies ──▶ messages ──▶ blobs kept elsewhere ──▶ redacted ──▶ long parts kept elsewhere or cut ──▶ the account
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from llmtrace.calls import Identity, Parameters
from llmtrace.reading.blobs import without_blobs, without_long_texts
from llmtrace.reading.content import read_content
from llmtrace.reading.limits import Limits, bounded
from llmtrace.redaction.redactor import Redactor
from llmtrace.redaction.structured import redact

if TYPE_CHECKING:
    from llmtrace.accounts import Account
    from llmtrace.reading.blobs import Keep
    from llmtrace.reading.json_values import Json
    from llmtrace.readouts import Collected
    from llmtrace.uploads import Uploads


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptureStage:
    """Fills ``content`` and ``error_message``. Were it to fail, neither would be told: nothing leaves unredacted."""

    redactor: Redactor
    limits: Limits
    uploads: Uploads | None = None

    def __call__(self, _: Collected, account: Account) -> None:
        """Fill them."""
        if account.failure is not None and account.failure.message:
            account.error_message = self.redactor.text(account.failure.message)[: self.limits.attribute_chars]
        content = read_content(account.call.operation.wire, account.sent, account.body)
        if self.uploads is None:
            account.content = content.each(lambda messages: self._told(messages, None, self.redactor))
            return
        keep, made = _noting(self.uploads.keep(account.trace_id, account.span_id))
        redactor = replace(self.redactor, spared=made)
        account.content = content.each(lambda messages: self._told(messages, keep, redactor))

    def _told(self, messages: list[Json], keep: Keep | None, redactor: Redactor) -> list[Json]:
        told: list[Json] = redact(without_blobs(messages, keep), redactor)
        if keep is not None:
            told = without_long_texts(told, keep, self.limits.part_chars)
        return bounded(told, self.limits)


def _noting(keep: Keep) -> tuple[Keep, set[str]]:
    """``keep``, and the references it made so far: redaction is not to take a hash for a number of somebody's."""
    made: set[str] = set()

    def noting(data: bytes, media_type: str) -> str | None:
        uri = keep(data, media_type)
        if uri is not None:
            made.add(uri)
        return uri

    return noting, made


@dataclass(frozen=True, slots=True)
class LabelsStage:
    """Redacts what the app itself says of a call: ids of users, tags, attributes of its own, stop sequences."""

    redactor: Redactor

    def __call__(self, _: Collected, account: Account) -> None:
        """Redact them; were that to fail, none would be told."""
        call = account.call
        account.call = replace(call, identity=Identity(), parameters=Parameters())
        stops = _redacted(call.parameters.stop_sequences, self.redactor)
        account.call = replace(
            call,
            identity=redacted_identity(call.identity, self.redactor),
            parameters=replace(call.parameters, stop_sequences=stops),
        )


def redacted_identity(identity: Identity, redactor: Redactor) -> Identity:
    """For whom and for what, as it may leave the process."""
    return Identity(**{entry.name: _redacted(getattr(identity, entry.name), redactor) for entry in fields(identity)})


def _redacted(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor.text(value)
    return tuple(_redacted(entry, redactor) for entry in value) if isinstance(value, tuple) else value
