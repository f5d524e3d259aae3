import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from workflows.expressions import render, system_scope
from workflows.expressions.system import EPOCH, instance_id, new_snowflake
from workflows.jsonable import jsonable

#: A Friday.
NOW = datetime(2024, 5, 31, 20, 0, tzinfo=UTC)
SHANGHAI = timezone(timedelta(hours=8))


def of(path, now=NOW, tz=UTC):
    return render(f"{{{{$system.{path}}}}}", {"$system": system_scope(now=now, tz=tz)})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("yesterday", "2024-05-30+00:00"),
        ("today", "2024-05-31+00:00"),
        ("tomorrow", "2024-06-01+00:00"),
        ("lastWeek", "2024w21+00:00"),
        ("thisWeek", "2024w22+00:00"),
        ("nextWeek", "2024w23+00:00"),
        ("lastMonth", "2024-04+00:00"),
        ("thisMonth", "2024-05+00:00"),
        ("nextMonth", "2024-06+00:00"),
        ("lastQuarter", "2024Q1+00:00"),
        ("thisQuarter", "2024Q2+00:00"),
        ("nextQuarter", "2024Q3+00:00"),
        ("lastYear", "2023+00:00"),
        ("thisYear", "2024+00:00"),
        ("nextYear", "2025+00:00"),
        ("last7Days", ["2024-05-25", "2024-06-01", "[)", "+00:00"]),
        ("next7Days", ["2024-06-01", "2024-06-08", "[)", "+00:00"]),
        ("last30Days", ["2024-05-02", "2024-06-01", "[)", "+00:00"]),
        ("next30Days", ["2024-06-01", "2024-07-01", "[)", "+00:00"]),
        ("last90Days", ["2024-03-03", "2024-06-01", "[)", "+00:00"]),
        ("next90Days", ["2024-06-01", "2024-08-30", "[)", "+00:00"]),
        ("someday", None),
    ],
)
def test_date_range(name, expected):
    assert of(f"dateRange.{name}") == expected


@pytest.mark.parametrize(
    ("now", "name", "expected"),
    [
        (datetime(2024, 1, 1, tzinfo=UTC), "lastMonth", "2023-12+00:00"),
        (datetime(2024, 12, 1, tzinfo=UTC), "nextMonth", "2025-01+00:00"),
        (datetime(2024, 1, 1, tzinfo=UTC), "lastQuarter", "2023Q4+00:00"),
        (datetime(2024, 12, 29, tzinfo=UTC), "thisWeek", "2025w01+00:00"),
        (datetime(2024, 12, 28, tzinfo=UTC), "thisWeek", "2024w52+00:00"),
        (datetime(2023, 1, 1, tzinfo=UTC), "thisWeek", "2023w01+00:00"),
        (datetime(2022, 12, 31, tzinfo=UTC), "thisWeek", "2022w53+00:00"),
    ],
)
def test_periods_over_the_turn_of_a_year(now, name, expected):
    assert of(f"dateRange.{name}", now) == expected


def test_days_begin_where_the_zone_says():
    assert of("dateRange.today", tz=SHANGHAI) == "2024-06-01+08:00"
    assert of("dateRange.thisMonth", tz=SHANGHAI) == "2024-06+08:00"


def test_plain_functions():
    assert of("now") == NOW
    assert of("epoch") == EPOCH == 1605024000
    assert of("instanceId") == instance_id()
    assert 0 <= instance_id() < 64


def test_now_is_the_clock_unless_told():
    before = datetime.now(UTC)
    assert before <= render("{{$system.now}}", {"$system": system_scope()}) <= datetime.now(UTC)


def test_snowflakes_ascend_below_two_to_the_53():
    with ThreadPoolExecutor(4) as threads:
        chunks = list(threads.map(lambda _: [new_snowflake() for _ in range(30_000)], range(4)))
    for chunk in chunks:
        assert chunk == sorted(chunk)
    found = [number for chunk in chunks for number in chunk]
    assert len(set(found)) == len(found)
    assert max(found) < 2**53
    assert abs((found[0] >> 22) + EPOCH - time.time()) < 60


def test_the_whole_scope_can_be_stored():
    found = jsonable(system_scope(now=NOW, tz=UTC))
    assert json.loads(json.dumps(found))["dateRange"]["today"] == "2024-05-31+00:00"
    assert len(found["dateRange"]) == 21


def test_it_is_lazy():
    scope = system_scope()
    assert set(scope) == {"now", "instanceId", "epoch", "genSnowflakeId", "dateRange"}
    assert len(scope) == 5
    assert scope["genSnowflakeId"] != scope["genSnowflakeId"]
