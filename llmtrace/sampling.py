"""The sampler of a provider that llmtrace makes: the one the environment names, told in a way that figures survive.

The SDK's own ``traceidratio`` keeps a share of the traces and does not tell which. Its consistent samplers keep the
same share and write the threshold into the tracestate, so that a reader can tell what a span stands for:
https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/. They are experimental there, and so
may be missing or moved; then the SDK's plain sampler runs, and figures count what was kept.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler


def own_sampler() -> Sampler | None:
    """A consistent sampler for the ratio the environment asks for; None: the SDK is to read the environment itself."""
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    ratio = _ratio(os.environ.get("OTEL_TRACES_SAMPLER_ARG", ""))
    if ratio is None or name not in ("traceidratio", "parentbased_traceidratio"):
        return None
    try:
        from opentelemetry.sdk.trace import _sampling_experimental as consistent

        kept = consistent.composable_traceid_ratio_based(ratio)
        if name.startswith("parentbased"):
            kept = consistent.composable_parent_threshold(kept)
        return consistent.composite_sampler(kept)
    except (ImportError, AttributeError):
        return None


def _ratio(text: str) -> float | None:
    try:
        ratio = float(text)
    except ValueError:
        return None
    return ratio if 0 <= ratio <= 1 else None
