"""How large a segment grows and how much may wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WalLimits:
    """When a segment is sealed and when the log refuses."""

    segment_bytes: int = 32 * 1024**2
    """Sealed when it has grown to this: about 10,000 spans, of whose insert the analysis of the views is a third."""
    segment_weight: int = 256 * 1024**2
    """Sealed when the rows of its records are estimated to take this much of ClickHouse's memory."""
    segment_age_s: float = 1.0
    """Sealed when its first record is this old: the longest a span waits before the writer sees it."""
    patient_from: int = 1
    """With so many segments waiting, the one being inserted counted, nobody waits for one more: each insert costs the
    same however small it is, so the next segment grows on, and a store that is slow catches up in few large inserts."""
    patient_age_s: float = 30.0
    """Sealed at this age even then."""
    quota_bytes: int = 4 * 1024**3
    """Of all segments; beyond it `append` refuses."""
    in_memory_bytes: int = 256 * 1024**2
    """Waiting for the disk; beyond it `append` refuses."""
    reserve_bytes: int = 256 * 1024**2
    """Left free on the disk, or ClickHouse on the same disk could never empty the log again; less on a small disk."""
