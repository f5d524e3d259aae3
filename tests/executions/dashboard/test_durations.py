"""Classes of durations: a percentile read from counts is within a fifth of the one of the durations themselves."""

import random
from collections import Counter

import pytest

from executions.dashboard.durations import NONE, class_of, percentile

pytestmark = pytest.mark.once


@pytest.mark.parametrize("share", [0.5, 0.95])
@pytest.mark.parametrize("scale", [0.004, 1.0, 5_000.0])
def test_a_percentile_is_close_to_the_true_one(share, scale):
    drawn = random.Random(7)
    seconds = sorted(scale * drawn.lognormvariate(0, 1) for _ in range(5_000))
    found = percentile(Counter(map(class_of, seconds)), share)
    assert found == pytest.approx(seconds[int(share * len(seconds))], rel=0.2)


@pytest.mark.parametrize(
    ("numbers", "told"), [({}, None), ({NONE: 4}, None), ({0: 10}, 0.0005), ({NONE: 5, 0: 10}, 0.0005)]
)
def test_what_never_began_took_no_time(numbers, told):
    assert percentile(numbers, 0.5) == told


def test_classes_ascend_and_end():
    classes = [class_of(seconds) for seconds in (0, 0.001, 0.0011, 0.0016, 1, 60, 86_400, 10**12)]
    assert classes == sorted(classes)
    assert (classes[0], classes[-1]) == (0, class_of(10**15))
