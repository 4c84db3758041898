"""Draws Vega-Lite specifications as SVG in a page, whose style sheet gives them their colours."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from mabe_core.pages.text import all_seen

# of the widths that labels are laid out by
FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"
# colours are variables, so that the same drawing serves light, dark and paper
CONFIG: dict[str, Any] = {
    "background": None,
    "padding": {"left": 22, "right": 10, "top": 5, "bottom": 5},
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--ink)",
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "labelSeparation": 8,
        "titleFontSize": 12,
        "domainColor": "var(--soft)",
        "tickColor": "var(--soft)",
        "gridColor": "var(--line)",
    },
}


class Drawing:
    """Draws plots whose names inside differ from those of every other plot of the page."""

    def __init__(self) -> None:
        self.drawn = 0

    def svg(self, spec: dict[str, Any], label: str) -> Markup:
        """Return a plot as an SVG element; label: what it shows, for those who do not see it."""
        import vl_convert

        self.drawn += 1
        text = vl_convert.vegalite_to_svg(all_seen(spec), config=CONFIG, allowed_base_urls=[])
        text = re.sub(r'(id="|url\(#)', rf"\g<1>p{self.drawn}-", text)
        return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1))
