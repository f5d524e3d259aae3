from datetime import timedelta

import pytest
from django.utils import timezone

from executions.admin import shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"), (0.25, "250 ms"), (1.26, "1.3 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"),
        (3600, "1 h 0 min"), (172_799, "47 h 59 min"), (172_800, "2 days"),
    ],
)  # fmt: skip
def test_spans_read_in_fitting_units(seconds, text):
    assert shown.span_text(timedelta(seconds=seconds)) == text


def test_a_duration_needs_a_start_and_counts_on_while_it_lasts():
    begin = timezone.now() - timedelta(hours=3)
    assert shown.duration(None, None) == ""
    assert shown.duration(begin, begin + timedelta(seconds=2)) == "2.0 s"
    assert shown.duration(begin, begin - timedelta(seconds=2)) == "0 ms"
    assert shown.duration(begin, None) == "3 h 0 min so far"


@pytest.mark.parametrize(
    ("status", "words"), [(0, "Pending"), (1, "Resolved"), (-1, "Failed"), (9, "Resolved (9)"), (-9, "Failed (-9)")]
)
def test_job_statuses_read_in_words(status, words):
    assert words in shown.job_badge(status)
