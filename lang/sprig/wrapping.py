"""Line wrapping as goutils does it: blanks at a break are dropped, long words may stay whole."""

from __future__ import annotations


def wrap(text: str, width: int, mark: str, *, long_words: bool = True) -> str:
    """`text` broken at blanks into lines of `width`; `long_words`: break them too."""
    width = max(1, width)
    lines: list[str] = []
    at = 0
    while len(text) - at > width:
        if text[at] == " ":
            at += 1
            continue
        space = text.rfind(" ", at, at + width + 1)
        if space >= at:
            lines.append(text[at:space])
            at = space + 1
        elif long_words:
            lines.append(text[at : at + width])
            at += width
        else:
            space = text.find(" ", at + width)
            if space < 0:
                break
            lines.append(text[at:space])
            at = space + 1
    return mark.join([*lines, text[at:]])
