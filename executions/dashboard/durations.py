"""Durations by classes: counts of them can be added up over hours and workflows, and still tell a percentile."""

import math
from collections.abc import Mapping

#: Each class reaches half as far again as the one before; within one, durations count as evenly spread.
_STEP = math.log(1.5)
#: Of runs that never began.
NONE = -1
#: Class 0 is up to a millisecond, the last one all above two years.
_LAST = 61


def class_of(seconds: float) -> int:
    return 0 if seconds <= 0.001 else min(1 + int(math.log(seconds * 1000) / _STEP), _LAST)


def percentile(numbers: Mapping[int, float], share: float) -> float | None:
    """Seconds that this share of them took at most, to within a fifth; None where there are none."""
    known = sorted((klass, number) for klass, number in numbers.items() if klass != NONE and number)
    wanted = share * sum(number for _klass, number in known)
    for klass, number in known:
        if wanted <= number:
            return _within(klass, wanted / number)
        wanted -= number
    return _within(known[-1][0], 1.0) if known else None


def _within(klass: int, share: float) -> float:
    return 0.001 * share if klass == 0 else math.exp((klass - 1 + share) * _STEP) / 1000
