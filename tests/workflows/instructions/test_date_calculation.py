from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from executions.testing import simulate
from tests.building import build
from workflows.errors import Invalid
from workflows.instructions.date_calculation import DateCalculation
from workflows.instructions.date_functions import FUNCTIONS
from workflows.statuses import JobStatus

DAY = "2024-05-31T08:30:15.250Z"


def made(function: str, **arguments: Any) -> dict[str, Any]:
    return {"function": function, "arguments": arguments}


def outcome_of(make_step: Any, given: Any, *steps: dict[str, Any], **config: Any) -> Any:
    """In UTC, whatever zone the project has."""
    config = {"input": given, "steps": list(steps), **config}
    with timezone.override(UTC):
        return DateCalculation().run(make_step(DateCalculation, config, scope={"$context": {"day": DAY, "n": 2}}))


@pytest.mark.parametrize(
    ("step", "result"),
    [
        (made("add", number=1, unit="month"), "2024-06-30T08:30:15.250Z"),
        (made("add", number="{{$context.n}}", unit="{{$context.unit:day}}"), "2024-06-02T08:30:15.250Z"),
        (made("add", number=-1.5, unit="hour"), "2024-05-31T07:00:15.250Z"),
        (made("add", number=1, unit="quarter"), "2024-08-31T08:30:15.250Z"),
        (made("subtract", number=3, unit="month"), "2024-02-29T08:30:15.250Z"),
        (made("subtract", number=1, unit="week"), "2024-05-24T08:30:15.250Z"),
        (made("subtract", number=250, unit="millisecond"), "2024-05-31T08:30:15Z"),
        *(
            (made("get", unit=unit), value)
            for unit, value in {
                "year": 2024,
                "quarter": 2,
                "month": 5,
                "week": 5,
                "day": 31,
                "hour": 8,
                "minute": 30,
                "second": 15,
                "millisecond": 250,
                "fortnight": 250,
                "": 250,
            }.items()
        ),
        (made("get"), 250),
        (made("startOfTime", unit="year"), "2024-01-01T00:00:00Z"),
        (made("startOfTime", unit="quarter"), "2024-04-01T00:00:00Z"),
        (made("startOfTime", unit="week"), "2024-05-27T00:00:00Z"),
        (made("startOfTime", unit="millisecond"), DAY),
        (made("endOfTime", unit="week"), "2024-06-02T23:59:59.999Z"),
        (made("endOfTime", unit="month"), "2024-05-31T23:59:59.999Z"),
        (made("endOfTime", unit="minute"), "2024-05-31T08:30:59.999Z"),
        (made("endOfTime", unit="millisecond"), DAY),
        (made("isLeapYear"), True),
        (made("format", format="YYYY/MM/DD HH:mm [o'clock]"), "2024/05/31 08:30 o'clock"),
        (made("toTimestamp"), 1_717_144_215),
        (made("toTimestamp", unit="millisecond"), 1_717_144_215_250),
        (made("changeTimezone", timezone="Asia/Tokyo"), DAY),
    ],
    ids=str,
)
def test_functions_of_dates(make_step: Any, step: dict[str, Any], result: Any) -> None:
    outcome = outcome_of(make_step, "{{$context.day}}", step)
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, result)


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        pytest.param({"unit": "day"}, -0.25, id="185 days"),
        pytest.param({"unit": "day", "isAbs": True}, 0.25, id="185 absolute"),
        pytest.param({"unit": "day", "round": -1}, -1, id="185 down"),
        pytest.param({"unit": "day", "round": 0}, 0, id="to the nearest"),
        pytest.param({"unit": "day", "round": 1}, 0, id="up"),
        pytest.param({"unit": "day", "isAbs": True, "round": 1}, 1, id="absolute before it is rounded"),
        pytest.param({"unit": "day", "round": 2}, -0.25, id="no rounding of that number"),
        pytest.param({"unit": "hour"}, -6, id="hours"),
        pytest.param({"unit": "week"}, -0.25 / 7, id="weeks"),
    ],
)
def test_185_diff(make_step: Any, arguments: dict[str, Any], result: float) -> None:
    outcome = outcome_of(make_step, "2024-07-16T00:00:00Z", made("diff", date="2024-07-16T06:00:00Z", **arguments))
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, pytest.approx(result))


@pytest.mark.parametrize(
    ("given", "date", "unit", "result"),
    [
        ("2024-03-31", "2024-02-29", "month", 1 + 2 / 31),
        ("2024-02-29", "2024-03-31", "month", -1 - 2 / 31),
        ("2024-01-16", "2024-01-01", "month", 15 / 31),
        ("2025-01-01", "2024-01-01", "year", 1),
        ("2024-07-01", "2024-01-01", "quarter", 2),
        ("2024-01-31", "2024-01-31", "month", 0),
        ("9999-12-31", "9999-12-01", "month", 0),
    ],
)
def test_diff_in_months_goes_by_the_calendar(make_step: Any, given: str, date: str, unit: str, result: float) -> None:
    outcome = outcome_of(make_step, given, made("diff", date=date, unit=unit))
    assert outcome.result == pytest.approx(result)


@pytest.mark.parametrize(
    ("given", "step", "result"),
    [
        (1, made("transDuration", unitBefore="year", unitAfter="day"), 365),
        (1, made("transDuration", unitBefore="month", unitAfter="day"), 365 / 12),
        ("90", made("transDuration", unitBefore="minute", unitAfter="hour"), 1.5),
        (90, made("transDuration", unitBefore="minute", unitAfter="hour", round=0), 2),
        (90, made("transDuration", unitBefore="minute", unitAfter="hour", round=-1), 1),
        (1, made("transDuration", unitBefore="week", unitAfter="millisecond"), 604_800_000),
        (0, made("tsToDate"), "1970-01-01T00:00:00Z"),
        (1_717_144_215_250, made("tsToDate", unit="millisecond"), DAY),
        (1_717_144_215, made("tsToDate", unit="second"), "2024-05-31T08:30:15Z"),
    ],
    ids=str,
)
def test_functions_of_numbers(make_step: Any, given: Any, step: dict[str, Any], result: Any) -> None:
    outcome = outcome_of(make_step, given, step, inputType="number")
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, result)
    assert type(outcome.result) is type(result)


def test_every_function_is_tried_above() -> None:
    tried = {
        case[place]["function"]
        for test, place in ((test_functions_of_dates, 0), (test_functions_of_numbers, 1))
        for case in test.pytestmark[0].args[1]  # type: ignore[attr-defined]
    }
    assert tried | {"diff"} == FUNCTIONS.keys()


def test_each_step_works_on_what_the_one_before_made(make_step: Any) -> None:
    steps = [
        made("changeTimezone", timezone="America/New_York"),
        made("startOfTime", unit="day"),
        made("add", number=36, unit="hour"),
        made("format", format="YYYY-MM-DD HH:mm Z"),
    ]
    assert outcome_of(make_step, "2024-11-02T12:00:00Z", *steps).result == "2024-11-03 11:00 -05:00"


def test_days_are_those_of_the_zone_in_force(make_step: Any) -> None:
    step = make_step(DateCalculation, {"input": "2024-07-16T23:00:00Z", "steps": [made("startOfTime", unit="day")]})
    with timezone.override(ZoneInfo("Asia/Shanghai")):
        assert DateCalculation().run(step).result == "2024-07-16T16:00:00Z"


@pytest.mark.parametrize("config", [{}, {"input": None, "inputType": None, "steps": None}])
def test_without_an_input_it_is_now(make_step: Any, config: dict[str, Any]) -> None:
    DateCalculation().check(DateCalculation().parse(config))
    before = datetime.now(UTC).replace(microsecond=0)
    result = DateCalculation().run(make_step(DateCalculation, config)).result
    assert before <= datetime.fromisoformat(result) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("soon", "date"),
        ("{{$context.missing}}", "date"),
        ("{{$context}}", "date"),
        (True, "date"),
        ("0001-01-01T00:00:00+14:00", "date"),
        ("soon", "number"),
        ("", "number"),
        (True, "number"),
        ("{{$context.missing}}", "number"),
    ],
)
def test_184_invalid_input_is_an_error_of_that_name(make_step: Any, given: Any, kind: str) -> None:
    outcome = outcome_of(make_step, given, inputType=kind)
    assert (outcome.status, outcome.result) == (JobStatus.ERROR, "Invalid input")
    [(level, sentence)] = outcome.log
    assert level == "ERROR"
    assert kind in sentence


@pytest.mark.parametrize(
    ("step", "word"),
    [
        (made("add", number="many", unit="day"), "number"),
        (made("add", unit="day"), "number"),
        (made("add", number=1), "unit"),
        (made("add", number=1, unit="fortnight"), "fortnight"),
        (made("add", number=0.5, unit="month"), "whole"),
        (made("add", number=1e9, unit="year"), "9999"),
        (made("add", number=1e300, unit="millisecond"), "9999"),
        (made("diff", date="soon", unit="day"), "date"),
        (made("diff", date="2024-01-01"), "unit"),
        (made("format", format=5), "format"),
        (made("format"), "format"),
        (made("toTimestamp", unit="day"), "seconds"),
        (made("changeTimezone", timezone="Mars/Olympus"), "Mars"),
        (made("changeTimezone", timezone="../../etc/passwd"), "passwd"),
        (made("changeTimezone", timezone=None), "zone"),
        (made("changeTimezone", timezone=""), "zone"),
        (made("transDuration", unitBefore="day", unitAfter="hour"), "number"),
        (made("tsToDate"), "number"),
    ],
    ids=str,
)
def test_184_a_failing_step_stops_the_row_with_its_text(make_step: Any, step: dict[str, Any], word: str) -> None:
    outcome = outcome_of(make_step, DAY, made("startOfTime", unit="day"), step, made("isLeapYear"))
    assert outcome.status == JobStatus.ERROR
    assert outcome.result.startswith(f"Step 2, {step['function']}: ")
    assert word in outcome.result


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        (1, [made("add", number=1, unit="day")]),
        (1, [made("transDuration", unitBefore="quarter", unitAfter="day")]),
        (1e300, [made("transDuration", unitBefore="year", unitAfter="millisecond", round=0), made("tsToDate")]),
        (1e18, [made("tsToDate")]),
        (-1e300, [made("tsToDate", unit="millisecond")]),
        (0, [made("tsToDate"), made("format", format="YYYY"), made("format", format="YYYY")]),
        (0, [made("tsToDate"), made("isLeapYear"), made("transDuration", unitBefore="day", unitAfter="day")]),
    ],
)
def test_steps_that_do_not_fit_a_number_are_errors_too(make_step: Any, given: Any, steps: Any) -> None:
    outcome = outcome_of(make_step, given, *steps, inputType="number")
    assert outcome.status == JobStatus.ERROR
    assert outcome.result.endswith(".")


def test_the_ends_of_the_calendar_are_errors_and_no_more(make_step: Any) -> None:
    west = made("changeTimezone", timezone="America/New_York")
    first = outcome_of(make_step, "0001-01-01T00:00:00Z", west)
    assert first.status == JobStatus.ERROR
    last = outcome_of(make_step, "9999-12-31T23:00:00Z", west, made("endOfTime", unit="year"))
    assert last.status == JobStatus.ERROR
    assert outcome_of(make_step, "9999-12-31", made("endOfTime", unit="year")).result == "9999-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"inputType": "text"}, "inputType"),
        ({"steps": {"function": "add"}}, "steps"),
        ({"steps": [{}]}, "steps.0.function"),
        ({"steps": [made("isLeapYear"), made("explode")]}, "steps.1.function"),
        ({"steps": [made("add", number=1, unit="fortnight")]}, "steps.0.arguments.unit"),
        ({"steps": [made("add", unit="day")]}, "steps.0.arguments.number"),
        ({"steps": [made("diff", date="soon", unit="day")]}, "steps.0.arguments.date"),
        ({"steps": [made("transDuration", unitBefore="day", unitAfter="quarter")]}, "steps.0.arguments.unitAfter"),
        ({"steps": [made("format", format=5)]}, "steps.0.arguments.format"),
        ({"steps": [made("changeTimezone", timezone="Mars")]}, "steps.0.arguments.timezone"),
        ({"steps": [{"function": "add", "arguments": []}]}, "steps.0.arguments"),
        ({"input": "soon"}, "input"),
        ({"input": "soon", "inputType": "number"}, "input"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        DateCalculation().check(DateCalculation().parse(config))
    assert field in raised.value.errors


def test_all_that_is_wrong_is_told_at_once() -> None:
    config = {"input": "soon", "steps": [made("add"), made("isLeapYear"), made("format")]}
    with pytest.raises(Invalid) as raised:
        DateCalculation().check(DateCalculation().parse(config))
    assert list(raised.value.errors) == [
        "input",
        "steps.0.arguments.number",
        "steps.0.arguments.unit",
        "steps.2.arguments.format",
    ]


def test_arguments_that_are_templates_are_told_at_the_run() -> None:
    config = {"input": "{{$context.day}}", "steps": [made("add", number="{{$context.n}}", unit="{{$context.unit}}")]}
    DateCalculation().check(DateCalculation().parse(config))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("context", "status", "result"),
    [
        ({"day": "2024-02-28", "days": 2}, 1, "2024-03-01"),
        ({"day": "2024-02-28"}, -2, "Step 1, add: The number is missing or none; give one like 3 or -1.5."),
        ({"days": 2}, -2, "Invalid input"),
        ({"day": ["2024-02-28"], "days": 2}, -2, "Invalid input"),
    ],
)
def test_in_a_run(context: dict[str, Any], status: int, result: str) -> None:
    steps = [made("add", number="{{$context.days}}", unit="day"), made("format", format="YYYY-MM-DD")]
    workflow = build([("dateCalculation", {"input": "{{$context.day}}", "steps": steps})], time_zone="Asia/Tokyo")
    simulation = simulate(workflow, context)
    assert (simulation.status, simulation.result("n1")) == (status, result)
    assert simulation.error == (None if status > 0 else result)


def test_can_be_tried_alone() -> None:
    tried = DateCalculation().test({"input": "2024-05-31T00:00:00Z", "steps": [made("isLeapYear")]})
    assert (tried.status, tried.result) == (JobStatus.RESOLVED, True)
    with pytest.raises(Invalid) as raised:
        DateCalculation().test({"input": "soon"})
    assert "config.input" in raised.value.errors
