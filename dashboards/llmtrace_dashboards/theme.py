"""Colours and type, light and dark: chosen by computation for contrast and for colour-blind eyes.

Meaning colours (error, warn, good) never stand for a category, and always come with an icon and a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one scheme."""

    background: str
    panel: str
    text: str
    muted: str
    border: str
    primary: str
    error: str
    warn: str
    good: str
    categories: tuple[str, ...]
    other: str
    """What is not one of the first six categories, and the period before."""


LIGHT = Palette(
    background="#FFFFFF",
    panel="#F4F6F8",
    text="#0F172A",
    muted="#475569",
    border="#D5DBE3",
    primary="#0B62C4",
    error="#C8102E",
    warn="#B45309",
    good="#047857",
    categories=("#0B62C4", "#B45309", "#873107", "#708CFF", "#D175AC", "#593B7B"),
    other="#6B7280",
)
DARK = Palette(
    background="#0F1419",
    panel="#1A212B",
    text="#E6EAF0",
    muted="#9AA6B6",
    border="#334155",
    primary="#4A8AE0",
    error="#FF6B6B",
    warn="#F5A34D",
    good="#34D399",
    categories=("#5AA9F5", "#F5A34D", "#ADDEFE", "#C1470A", "#A51EFF", "#487897"),
    other="#8A94A3",
)

SEQUENTIAL = (
    *("#F1F6FC", "#DCE9F8", "#BFD7F1", "#9CC1E8", "#74A7DC", "#4C8CCD", "#2B71B9", "#15579F", "#0A3F7F", "#062A5C"),
)
"""Of even steps in luminance, from little to much; the other way round on dark."""

SANS = "Inter, system-ui, sans-serif"
MONO = "'JetBrains Mono', ui-monospace, monospace"

_FONTS = (
    (
        "Inter",
        "inter-latin-wght-normal.woff2",
        "U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+2000-206F,U+20AC,U+2122,U+2190-2193,U+2212",
    ),
    (
        "Inter",
        "inter-latin-ext-wght-normal.woff2",
        "U+0100-02BA,U+1E00-1E9F,U+20A0-20AB,U+20AD-20C0,U+2C60-2C7F,U+A720-A7FF",
    ),
    ("JetBrains Mono", "jetbrains-mono-latin-wght-normal.woff2", "U+0000-00FF,U+2000-206F,U+20AC,U+2190-2193,U+2212"),
)


def options() -> dict[str, Any]:
    """Streamlit's theme options: both schemes, the bundled fonts, our sizes."""
    faces = [
        {
            "family": family,
            "url": f"app/static/fonts/{file}",
            "weight": "100 900",
            "style": "normal",
            "unicodeRange": span,
        }
        for family, file, span in _FONTS
    ]
    shared = {
        "theme.font": SANS,
        "theme.headingFont": SANS,
        "theme.codeFont": MONO,
        "theme.fontFaces": faces,
        "theme.baseFontSize": 14,
        "theme.codeFontSize": "13px",
        "theme.metricValueFontSize": "26px",
        "theme.metricValueFontWeight": 600,
        "theme.headingFontSizes": ["24px", "15px", "14px", "14px", "14px", "14px"],
        "theme.headingFontWeights": [600, 600, 600, 600, 600, 600],
        "theme.baseRadius": "6px",
        "theme.paddingTop": "0rem",
        "theme.paddingBottom": "3rem",
        "theme.showWidgetBorder": True,
    }
    return shared | _scheme("light", LIGHT) | _scheme("dark", DARK)


def _scheme(name: str, palette: Palette) -> dict[str, Any]:
    section = f"theme.{name}"
    return {
        f"{section}.primaryColor": palette.primary,
        f"{section}.backgroundColor": palette.background,
        f"{section}.secondaryBackgroundColor": palette.panel,
        f"{section}.textColor": palette.text,
        f"{section}.linkColor": palette.primary,
        f"{section}.borderColor": palette.border,
        f"{section}.redColor": palette.error,
        f"{section}.orangeColor": palette.warn,
        f"{section}.greenColor": palette.good,
        f"{section}.grayColor": palette.muted,
        f"{section}.grayTextColor": palette.muted,
        f"{section}.redTextColor": palette.error,
        f"{section}.greenTextColor": palette.good,
        f"{section}.codeTextColor": palette.text,
        f"{section}.codeBackgroundColor": palette.panel,
        f"{section}.chartCategoricalColors": [*palette.categories, palette.other],
        f"{section}.sidebar.backgroundColor": palette.panel,
        f"{section}.sidebar.secondaryBackgroundColor": palette.background,
    }
