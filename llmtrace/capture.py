"""Content as it may leave the process: read, without blobs, redacted, and within bounds. A stage of its own.

    bodies ──▶ messages ──▶ blobs kept elsewhere ──▶ redacted ──▶ long parts kept elsewhere or cut ──▶ the account
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmtrace import faults
from llmtrace.reading.blobs import without_blobs
from llmtrace.reading.content import read_content
from llmtrace.reading.limits import Limits, bounded
from llmtrace.redaction.redactor import Redactor
from llmtrace.redaction.structured import redact

if TYPE_CHECKING:
    from llmtrace.accounts import Account
    from llmtrace.readouts import Collected


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptureStage:
    """Fills ``content`` and ``error_message``. Were it to fail, neither would be told: nothing leaves unredacted."""

    redactor: Redactor
    limits: Limits

    def __call__(self, _: Collected, account: Account) -> None:
        """Fill them."""
        if account.failure is not None and account.failure.message:
            account.error_message = self.redactor.text(account.failure.message)[: self.limits.attribute_chars]
        content = read_content(account.call.operation.wire, account.sent, account.body)
        account.content = content.each(self._told)

    def _told(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        without: list[dict[str, Any]] = redact(without_blobs(messages), self.redactor)
        return bounded(without, self.limits)


def say_redaction_failed(error: Exception) -> None:
    """Say once that a function of the user's failed; not with its words, which may quote what it was given."""
    faults.say_once(
        "redaction-failed",
        "llmtrace: the function given as `redact` failed (%s); every text it fails on is dropped, not sent. "
        "This is said once.",
        type(error).__name__,
    )


def redacting_strings(redactor: Redactor, value: Any) -> Any:
    """An attribute's value with its texts redacted."""
    if isinstance(value, str):
        return redactor.text(value)
    return tuple(redactor.text(entry) for entry in value) if isinstance(value, tuple) else value
