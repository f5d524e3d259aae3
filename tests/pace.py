"""How fast this machine is, for tests that bound how long work may take."""

import time
import timeit
from functools import cache

#: Seconds that `_plain` takes where the bounds were set.
_THERE = 0.001


@cache
def pace() -> float:
    """How many times longer plain work takes here than where the bounds were set; 1 on a faster machine."""
    here = min(timeit.repeat(_plain, timer=time.thread_time, number=1, repeat=20))
    return max(1.0, here / _THERE)


def _plain() -> int:
    known = {"a": {"b": 1}}
    return sum(known["a"]["b"] + len(str(number)) for number in range(10_000))
