from zoneinfo import ZoneInfo

import pytest

from workflows.triggers.schedule import ScheduleConfig, plan
from workflows.triggers.schedule_words import sentences

START = "2024-05-31T08:00:00Z"
ORDER = {"mode": 1, "collection": "shop.Order"}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"startsOn": START}, "Once, at 2024-05-31 10:00:00."),
        ({"startsOn": START, "repeat": 90_000}, "First at 2024-05-31 10:00:00. Then every 90 seconds."),
        (
            {"startsOn": START, "repeat": 7 * 86_400_000, "endsOn": "2024-12-31", "limit": 3, "missed": "skip"},
            "First at 2024-05-31 10:00:00. Then every 7 days. It ends at 2024-12-31 00:00:00. It fires 3 times at most,"
            " all versions together. Times that pass while nothing works are skipped.",
        ),
        (
            {**ORDER, "startsOn": {"field": "placed_at"}, "endsOn": {"field": "shipped_at"}},
            "For each order: first at its “placed at”. It ends at its “shipped at”.",
        ),
        (
            {**ORDER, "startsOn": {"field": "placed_at", "offset": -2}, "repeat": 3_600_000},
            "For each order: first 2 days before its “placed at”. Then every 1 hour.",
        ),
        (
            {**ORDER, "startsOn": {"field": "placed_at", "offset": 90, "unit": 60_000}, "missed": "fire_all"},
            "For each order: first 90 minutes after its “placed at”. Times that pass while nothing works are made up"
            " for, each of them.",
        ),
    ],
)
def test_a_schedule_in_words(config, words):
    found = plan(ScheduleConfig.model_validate(config), ZoneInfo("Europe/Berlin"))
    assert " ".join(sentences(found)) == words


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("* * * * *", "every minute, every day"),
        ("*/5 * * * *", "every 5 minutes, every day"),
        ("*/2 * * * * *", "every 2 seconds, every day"),
        ("* * * * * *", "every second, every day"),
        ("15 * * * *", "every hour at minute 15, every day"),
        ("0 9 * * *", "at 09:00, every day"),
        ("0 9,17 * * MON-FRI", "at 09:00 and 17:00, on Monday, Tuesday, Wednesday, Thursday and Friday"),
        ("30 0 9 * * 0", "at 09:00:30, on Sunday"),
        ("0 0 1,15 * *", "at 00:00, on day 1 and 15 of each month"),
        ("0 0 L * *", "at 00:00, on the last day of each month"),
        ("0 0 1 1 *", None),
        ("0 0 * * MON#1", None),
        ("0 0 1 * MON", None),
        ("0 */2 * * *", None),
        ("1,2 * * * *", None),
    ],
)
def test_a_pattern_in_words(pattern, words):
    found = plan(ScheduleConfig.model_validate({"startsOn": START, "repeat": pattern}), ZoneInfo("UTC"))
    assert sentences(found)[1] == (f"Then {words}." if words else f"Then by the cron pattern “{pattern}”.")
