"""The calendar of schedules, alone: patterns, intervals, and clocks that change."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from workflows.errors import Invalid
from workflows.triggers.schedule_times import Course, Cron, first_instant

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


# Each zone's clocks, both ways: forward over a gap, back through an hour (Lord Howe: half an hour) that comes twice.
@pytest.mark.parametrize(
    ("zone", "pattern", "after", "fires"),
    [
        pytest.param(
            "Europe/Berlin", "30 2 * * *", "2024-03-29T12:00",
            ["2024-03-30T02:30:00+01:00", "2024-03-31T03:00:00+02:00", "2024-04-01T02:30:00+02:00"],
            id="Berlin-skipped",
        ),
        pytest.param(
            "Europe/Berlin", "30 2 * * *", "2024-10-25T12:00",
            ["2024-10-26T02:30:00+02:00", "2024-10-27T02:30:00+02:00", "2024-10-28T02:30:00+01:00"],
            id="Berlin-doubled",
        ),
        pytest.param(
            "America/New_York", "15 2 * * *", "2024-03-09T12:00",
            ["2024-03-10T03:00:00-04:00", "2024-03-11T02:15:00-04:00"],
            id="New_York-skipped",
        ),
        pytest.param(
            "America/New_York", "0 30 1 * * *", "2024-11-02T12:00",
            ["2024-11-03T01:30:00-04:00", "2024-11-04T01:30:00-05:00"],
            id="New_York-doubled-with-seconds",
        ),
        pytest.param(
            "Australia/Lord_Howe", "15 2 * * *", "2024-10-05T12:00",
            ["2024-10-06T02:30:00+11:00", "2024-10-07T02:15:00+11:00"],
            id="Lord_Howe-skipped",
        ),
        pytest.param(
            "Australia/Lord_Howe", "45 1 * * *", "2024-04-06T12:00",
            ["2024-04-07T01:45:00+11:00", "2024-04-08T01:45:00+10:30"],
            id="Lord_Howe-doubled",
        ),
        # Several skipped times come to one moment, and fire once.
        pytest.param(
            "Europe/Berlin", "*/20 2,4 * * *", "2024-03-31T01:59",
            ["2024-03-31T03:00:00+02:00", "2024-03-31T04:00:00+02:00", "2024-03-31T04:20:00+02:00"],
            id="skipped-times-are-one",
        ),
        # What a gap swallows and what stands at its end are one too.
        pytest.param(
            "Europe/Berlin", "30 2,3 * * *", "2024-03-31T01:59",
            ["2024-03-31T03:00:00+02:00", "2024-03-31T03:30:00+02:00"],
            id="gap-then-ordinary",
        ),
        # Asked in the second of two hours of one name: its times have come.
        pytest.param(
            "Europe/Berlin", "30 2 * * *", "2024-10-27T02:10:00+01:00",
            ["2024-10-28T02:30:00+01:00"],
            id="asked-in-the-second-hour",
        ),
        # A gap at midnight, and a day that was left out altogether.
        pytest.param("Asia/Beirut", "0 0 * * *", "2024-03-30T12:00", ["2024-03-31T01:00:00+03:00"], id="midnight"),
        pytest.param("Pacific/Apia", "0 9 30 12 *", "2011-12-29T12:00", ["2011-12-31T00:00:00+14:00"], id="whole-day"),
    ],
)  # fmt: skip
def test_set_times_when_the_clocks_change(zone, pattern, after, fires):
    moment = datetime.fromisoformat(after)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    cron, found = Cron(pattern, ZoneInfo(zone)), []
    for _ in fires:
        moment = cron.after(moment)
        found.append(moment.astimezone(ZoneInfo(zone)).isoformat())
    assert found == fires


@pytest.mark.parametrize(("pattern", "minutes"), [("*/10 * * * *", range(0, 60, 10)), ("5 * * * *", [5])])
@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", "2024-03-31"), ("Europe/Berlin", "2024-10-27"), ("America/New_York", "2024-03-10"),
        ("America/New_York", "2024-11-03"), ("Australia/Lord_Howe", "2024-10-06"),
        ("Australia/Lord_Howe", "2024-04-07"),
    ],
)  # fmt: skip
def test_every_hour_goes_by_elapsed_time(zone, change, pattern, minutes):
    """Each minute around the change whose local time fits, no more and no less."""
    start = at(f"{change}T00:00:00") - timedelta(days=1)
    moments = (start + timedelta(minutes=count) for count in range(1, 3 * 24 * 60))
    expected = [moment for moment in moments if moment.astimezone(ZoneInfo(zone)).minute in minutes]
    course = Course(start - timedelta(days=1), Cron(pattern, ZoneInfo(zone)))
    assert list(course.between(start, start + timedelta(minutes=3 * 24 * 60 - 1))) == expected


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("time", ["0 0", "15 1", "45 1", "0 2", "15 2", "30 2", "0 3"])
def test_every_day_has_one_fire_of_a_set_time(zone, time):
    """Whatever the clocks do in the year."""
    cron = Cron(f"{time} * * *", ZoneInfo(zone))
    begin = local("2025-01-01T00:00", zone) - timedelta(seconds=1)
    fires = list(Course(begin, cron).between(begin, begin + timedelta(days=365)))
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in fires]
    assert len(days) == len(set(days)) == 365


@pytest.mark.parametrize(
    ("pattern", "after", "fires"),
    [
        ("*/2 * * * * *", "2024-05-01T10:00:00", ["10:00:02", "10:00:04", "10:00:06"]),
        ("*/2 * * * * *", "2024-05-01T23:59:57", ["23:59:58", "00:00:00"]),
        ("* * * * *", "2024-05-01T10:00:00", ["10:01:00", "10:02:00"]),
        ("0 9 * * MON-FRI", "2024-05-03T09:00:00", ["09:00:00"]),
        ("0 0 9 ? * 1", "2024-05-03T09:00:00", ["09:00:00"]),
    ],
)
def test_patterns(pattern, after, fires):
    cron, moment, found = Cron(pattern, UTC), at(after), []
    for _ in fires:
        moment = cron.after(moment)
        found.append(moment.strftime("%H:%M:%S"))
    assert found == fires


@pytest.mark.parametrize(
    "pattern",
    [
        "", "* * * *", "* * * * * * *", "61 * * * *", "a b c d e", "*/0 * * * *", "5-1 * * * *", "0 0 31 2 *",
        "0 0 30 2 *", "@daily", "* * * * MON-", "9" * 500, "1,2,3," * 100 + "4 * * * *", "0 0 1 * 7#6", "0 0 L-3 * *",
        "\u00b2 * * * *",
    ],
)  # fmt: skip
def test_what_is_no_pattern_or_never_fires_is_refused_with_a_sentence(pattern):
    with pytest.raises(Invalid) as refusal:
        Cron(pattern, UTC)
    assert str(refusal.value).endswith(".")


def test_a_leap_day_is_waited_for():
    assert Cron("0 0 29 2 *", UTC).after(at("2096-03-01T00:00:00")) == at("2104-02-29T00:00:00")


@pytest.mark.parametrize(
    ("start", "repeat", "end", "after", "fires"),
    [
        ("10:00:00", None, None, "09:00:00", ["10:00:00"]),
        ("10:00:00", None, None, "10:00:00", []),
        ("10:00:00", 2, None, "10:00:00", ["10:00:02", "10:00:04"]),
        ("10:00:00", 7, None, "10:00:15", ["10:00:21", "10:00:28"]),
        # First at the start, whatever the pattern, then by it.
        ("10:00:30", "* * * * *", None, "09:00:00", ["10:00:30", "10:01:00"]),
        # The end is included.
        ("10:00:00", 2, "10:00:04", "09:00:00", ["10:00:00", "10:00:02", "10:00:04"]),
        ("10:00:00", 2, "10:00:03", "09:00:00", ["10:00:00", "10:00:02"]),
        ("10:00:00", None, "09:00:00", "08:00:00", []),
    ],
)
def test_courses(start, repeat, end, after, fires):
    def day(text):
        return text and at(f"2024-05-01T{text}")

    by = Cron(repeat, UTC) if isinstance(repeat, str) else repeat and timedelta(seconds=repeat)
    course = Course(day(start), by, day(end))
    found = course.between(day(after), day("12:00:00"))
    assert [moment.strftime("%H:%M:%S") for moment in islice(found, max(len(fires), 2))] == fires


def test_case_229_an_interval_with_a_start_in_the_past_keeps_its_step():
    course = Course(at("2024-05-01T10:00:01"), timedelta(seconds=2))
    assert course.after(at("2024-05-01T10:00:04")) == at("2024-05-01T10:00:05")
    assert course.after(at("2024-05-01T10:00:01")) == at("2024-05-01T10:00:03")


@pytest.mark.parametrize(
    ("repeat", "after", "upto", "last"),
    [
        (timedelta(seconds=1), "2024-04-24T10:00:00", "2024-05-01T10:00:00", "2024-05-01T10:00:00"),
        (timedelta(days=2), "2024-04-24T10:00:00", "2024-05-02T09:00:00", "2024-05-01T10:00:00"),
        (timedelta(days=2), "2024-05-01T10:00:00", "2024-05-02T09:00:00", None),
    ],
)
def test_the_last_of_many(repeat, after, upto, last):
    course = Course(at("2024-01-02T10:00:00"), repeat)
    assert course.last(at(after), at(upto)) == (last and at(last))


@pytest.mark.parametrize(
    ("wall", "zone", "instant"),
    [
        ("2024-03-31T02:00:00", "Europe/Berlin", "2024-03-31T01:00:00"),
        ("2024-03-31T02:59:59", "Europe/Berlin", "2024-03-31T01:00:00"),
        ("2024-10-27T02:30:00", "Europe/Berlin", "2024-10-27T00:30:00"),
        ("2024-10-06T02:29:00", "Australia/Lord_Howe", "2024-10-05T15:30:00"),
    ],
)
def test_the_first_instant_of_a_local_time(wall, zone, instant):
    assert first_instant(datetime.fromisoformat(wall), ZoneInfo(zone)) == at(instant)
