"""Where the bars of a chart stand, in percent of its width and height; the template draws them as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Percent of the place of one bar that stays free.
_GAP = 15


@dataclass(frozen=True)
class Piece:
    y: str
    height: str
    tone: str


@dataclass(frozen=True)
class Bar:
    x: str
    width: str
    pieces: list[Piece]
    title: str


def stacked(columns: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> tuple[list[Bar], float]:
    """Bars of (title, [(tone, number)]), the pieces upon each other from below; and the number at the top."""
    top = max((sum(number for _tone, number in pieces) for _title, pieces in columns), default=0.0)
    return [_bar(index, len(columns), title, _pile(pieces, top)) for index, (title, pieces) in enumerate(columns)], top


def nested(columns: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> tuple[list[Bar], float]:
    """The same with the pieces before each other: each begins at the bottom, so the largest comes first."""
    top = max((number for _title, pieces in columns for _tone, number in pieces), default=0.0)
    return [
        _bar(index, len(columns), title, [piece for each in pieces for piece in _pile([each], top)])
        for index, (title, pieces) in enumerate(columns)
    ], top


def _bar(index: int, number: int, title: str, pieces: list[Piece]) -> Bar:
    place = 100 / number
    return Bar(_percent(index * place + place * _GAP / 200), _percent(place * (100 - _GAP) / 100), pieces, title)


def _pile(pieces: Sequence[tuple[str, float]], top: float) -> list[Piece]:
    found, below = [], 0.0
    for tone, number in pieces:
        if number:
            # A single failure among thousands must be seen.
            height = max(100 * number / top, 1.0)
            below += height
            found.append(Piece(_percent(100 - below), _percent(height), tone))
    return found


def _percent(value: Any) -> str:
    """Never with a comma, whatever the language."""
    return f"{value:.3f}%"
