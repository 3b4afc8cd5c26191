"""Line wrapping as goutils does it: blanks at a break are dropped, long words may stay whole.

A width counts bytes."""

from __future__ import annotations

from lang.sprig import casting
from lang.sprig.registry import bounded

_BLANK = ord(" ")


def wrap(text: str, width: int, mark: str, *, long_words: bool = True) -> str:
    """`text` broken at blanks into lines of `width`; `long_words`: break them too."""
    data, width = text.encode(errors="replace"), max(1, width)
    lines: list[bytes] = []
    at = 0
    while len(data) - at > width:
        if data[at] == _BLANK:
            at += 1
            continue
        space = data.rfind(_BLANK, at, at + width + 1)
        if space >= at:
            lines.append(data[at:space])
            at = space + 1
        elif long_words:
            lines.append(data[at : at + width])
            at += width
        else:
            space = data.find(_BLANK, at + width)
            if space < 0:
                break
            lines.append(data[at:space])
            at = space + 1
    bounded(len(data) + len(lines) * len(mark))
    return mark.join(casting.decoded(line) for line in [*lines, data[at:]])
