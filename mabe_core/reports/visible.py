"""Text out of files made fit to be shown: what cannot be seen, or turns text around, is spelled out."""

from __future__ import annotations

import unicodedata

# control, format, surrogate, no character, line and paragraph separators: invisible, in force beyond their
# own text, or fatal (XML knows no U+0007 or U+FFFE: vl-convert ends the process over one)
_HIDDEN = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
# joiners that words of some scripts, and emoji, are spelled with
_KEPT = "\u200c\u200d"


def seen(text: str, *, lines: bool = False) -> str:
    """Return text with each character that cannot be seen spelled as `\\uXXXX`; lines: keep ends of lines."""
    if text.isprintable():  # most is, and says so fast
        return text
    kept = _KEPT + ("\n\t" if lines else "")
    return "".join(
        f"\\u{ord(letter):04x}" if unicodedata.category(letter) in _HIDDEN and letter not in kept else letter
        for letter in text
    )
