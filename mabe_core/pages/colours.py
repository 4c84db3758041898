"""The colours of classes and curves: told apart by the colour-blind, the same in every plot of a page.

The first seven are those of Okabe and Ito, "Color Universal Design" (2008), less black; then five of Paul
Tol's "muted" scheme ("Colour Schemes", SRON technical note 09-002, 2021). Plots name them as CSS
variables, so that one page serves light, dark and paper.
"""

from __future__ import annotations

from collections.abc import Sequence

from mabe_core.pages.classes import is_behaviour

# (light, dark): on a dark ground the dark ones are lightened
PALETTE: tuple[tuple[str, str], ...] = (
    ("#0072b2", "#4aa8e0"),
    ("#e69f00", "#e69f00"),
    ("#009e73", "#1fbf92"),
    ("#cc79a7", "#d98fb8"),
    ("#56b4e9", "#8fd0f5"),
    ("#d55e00", "#f0792b"),
    ("#f0e442", "#f0e442"),
    ("#332288", "#8f83e6"),
    ("#882255", "#d0629b"),
    ("#44aa99", "#6fd0c0"),
    ("#999933", "#bdbd5a"),
    ("#117733", "#46a866"),
)


def variable(number: int) -> str:
    """Return the colour of a number as plots name it; past the last they begin again."""
    return f"var(--c{number % len(PALETTE)})"


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """Return each class's colour, as a CSS value; what is no behaviour is grey, whatever its place."""
    behaviours = filter(is_behaviour, classes)
    places = {name: variable(number) for number, name in enumerate(dict.fromkeys(behaviours))}
    return {name: places.get(name, "var(--none)") for name in classes}


def repeated(classes: Sequence[str]) -> bool:
    """Tell whether there are more classes than colours."""
    return len(list(filter(is_behaviour, classes))) > len(PALETTE)


def declarations(*, dark: bool) -> str:
    """Return as CSS declares them the colours, `--c`, and what is legible on each, `--k`."""
    colours = [pair[dark] for pair in PALETTE]
    return " ".join(
        f"--c{number}: {colour}; --k{number}: {_legible_on(colour)};" for number, colour in enumerate(colours)
    )


def _legible_on(colour: str) -> str:
    """Return black or white, whichever has the greater contrast (WCAG 2.2, relative luminance)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#fff"
