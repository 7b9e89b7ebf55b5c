"""What may explain a difference: attributes of calls that `spans` has as columns, and two of its maps.

Their order is that of telling: of two attributes that mark the very same calls, the first is named.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_VALUE = 256
"""Characters of a value that are looked at; what is the same up to there is taken for one value."""


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """One attribute of a call."""

    name: str
    """As in notices, links and filters."""
    label: str
    """As in a sentence."""
    column: str
    """Of `spans`: an expression of ours, a text or an array of texts."""
    array: bool = False
    answered: bool = False
    """Only calls that were answered have it, so it is no candidate where failing calls are to be explained."""


ATTRIBUTES = (
    Attribute(name="prompt_version", label="prompt version", column="prompt_version"),
    Attribute(name="prompt_name", label="prompt", column="prompt_name"),
    Attribute(name="response_model", label="response model", column="response_model", answered=True),
    Attribute(name="system_fingerprint", label="system fingerprint", column="system_fingerprint", answered=True),
    Attribute(name="service_tier", label="service tier", column="service_tier", answered=True),
    Attribute(name="model", label="model", column="model"),
    Attribute(name="provider", label="provider", column="provider"),
    Attribute(name="error_type", label="error type", column="error_type"),
    Attribute(name="finish_reason", label="finish reason", column="finish_reasons", array=True, answered=True),
    Attribute(name="feature", label="feature", column="feature"),
    Attribute(name="team", label="team", column="team"),
    Attribute(name="service_version", label="service version", column="resource_attributes['service.version']"),
    Attribute(name="service", label="service", column="service_name"),
    Attribute(name="environment", label="environment", column="environment"),
    Attribute(name="operation", label="operation", column="operation"),
    Attribute(name="stream", label="streaming", column="if(stream, 'yes', 'no')"),
    Attribute(name="agent", label="agent", column="agent_name"),
    Attribute(name="tool", label="tool", column="tool_name"),
    Attribute(name="tag", label="tag", column="tags", array=True),
    Attribute(name="server", label="server", column="attributes['server.address']"),
    Attribute(name="user", label="user", column="user_id"),
    Attribute(name="session", label="session", column="session_id"),
    Attribute(name="project", label="project", column="project"),
)

BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}
