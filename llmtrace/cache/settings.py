"""What a cache does, as its user said."""

from __future__ import annotations

from dataclasses import dataclass

from llmtrace.cache.requests import Share


@dataclass(frozen=True, kw_only=True)
class CacheSettings:
    """Checked when made.

    Raises:
        ValueError: a value that cannot be meant; the sentence says what to write.
    """

    ttl_s: float = 24 * 3600.0
    """Seconds that an answer lives."""
    renew_on_hit: bool = False
    """Whether a hit makes an answer live for `ttl_s` from then on."""
    share: Share = "user"
    """Who may be given whose answers: `"user"` each user their own (those without a name share), `"account"` all calls
    of one API key, or a function from the call to a text: calls with the same text share."""
    multi_turn: bool = False
    """Whether the last turn of a conversation may be answered by what was answered there before, in other words."""
    tool_calls: bool = False
    """Whether answers that call tools are kept, for the very same request."""
    judge_timeout_s: float = 2.0
    judge_up_to: float = 0.5
    """Candidates that are wrong with at most this probability are put before the judge."""
    verify_share: float = 0.1
    """Share of answers that the judge looks at before they are given, to measure the bound."""
    flight_wait_s: float = 30.0
    """How long an equal call waits for the one under way; 0: equal calls are all sent."""

    def __post_init__(self) -> None:
        if not self.ttl_s > 0:
            raise ValueError(f"cache: ttl_s is {self.ttl_s:g}; it is the seconds that an answer lives, above 0")
        if not (callable(self.share) or self.share in ("user", "account")):
            raise ValueError(f'cache: share is {self.share!r}; write "user", "account", or give a function')
        for name in ("judge_up_to", "verify_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"cache: {name} is {getattr(self, name):g}; it is a share from 0 to 1")
        for name in ("judge_timeout_s", "flight_wait_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"cache: {name} is {getattr(self, name):g}; it is seconds, 0 or more")
