"""Who may do what: API keys, the projects they are for, and a record of what was done with them."""

from llmtrace_collector.access.keys import DEFAULT_PROJECT, Caller, Key, Scope
from llmtrace_collector.access.ring import KeyRing, KeysUnreadableError

__all__ = ["DEFAULT_PROJECT", "Caller", "Key", "KeyRing", "KeysUnreadableError", "Scope"]
