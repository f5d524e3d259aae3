import pytest

from workflows.errors import Invalid
from workflows.triggers import get_trigger

FIELDS = [
    {"name": "city", "type": "text", "required": True},
    {"name": "count", "type": "number", "title": "How many"},
    {"name": "sure", "type": "boolean"},
]


def context(values, fields=()):
    trigger = get_trigger("manual")
    return trigger.manual_context(trigger.parse({"fields": list(fields)}), values)


@pytest.mark.parametrize(
    ("values", "fields", "expected"),
    [
        (None, [], {}),
        ({"a": [1]}, [], {"a": [1]}),
        ({"city": "Köln", "count": None}, FIELDS, {"city": "Köln", "count": None}),
        (
            {"city": "Köln", "count": 1.5, "sure": False, "more": 1},
            FIELDS,
            {"city": "Köln", "count": 1.5, "sure": False, "more": 1},
        ),
    ],
)
def test_the_context_is_what_is_given(values, fields, expected):
    assert context(values, fields) == expected


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (None, "values"),
        ([], "values"),
        ({}, "city"),
        ({"city": 5}, "city"),
        ({"city": "x", "count": "5"}, "count"),
        ({"city": "x", "count": True}, "count"),
        ({"city": "x", "sure": 1}, "sure"),
    ],
)
def test_inputs_at_fault_are_named(values, field):
    with pytest.raises(Invalid) as caught:
        context(values, FIELDS)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ([{"name": ""}], "fields.0.name"),
        ([{"name": "a", "type": "date"}], "fields.0.type"),
        ([{"name": "a"}, {"name": "a"}], "fields.1.name"),
    ],
)
def test_bad_configurations_are_refused(fields, path):
    trigger = get_trigger("manual")
    with pytest.raises(Invalid) as caught:
        trigger.check(trigger.parse({"fields": fields}))
    assert path in caught.value.errors
