from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from workflows.expressions import ExpressionError, compile_template, render
from workflows.expressions.limits import DEPTH_LIMIT, TEXT_LIMIT

DATA = {
    "id": 7,
    "zero": 0,
    "price": 2.0,
    "half": 0.5,
    "on": True,
    "none": None,
    "name": "Ada",
    "名前": "Lin",
    "first name": "Ada L.",
    "when": datetime(2024, 5, 31, 8, 0, tzinfo=UTC),
    "day": date(2024, 5, 31),
    "cost": Decimal("12.50"),
    "nan": float("nan"),
    "obj": {"b": [1, None]},
    "rows": [
        {"title": "Pen", "tags": [{"name": "ink"}, {"name": "blue"}]},
        {"title": "Pad", "tags": [{"name": "paper"}]},
        {"title": None, "tags": []},
    ],
    "empty": [],
    "grid": [[1, 2], [3]],
}
SCOPE = {
    "$context": {"data": DATA},
    "$jobsMapByNodeKey": {"k1": {"total": 12}},
    "$system": {"now": lambda: 5, "deep": lambda: {"x": lambda: 6}},
    "$env": {"KEY": "v"},
}
SCOPE["ctx"] = dict(SCOPE)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{$context.data.id}}", 7),
        ("{{ $context.data.id }}", 7),
        ("{{\n$context.data.id\t}}", 7),
        ("{{$context.data.zero}}", 0),
        ("{{$context.data.on}}", True),
        ("{{$context.data.none}}", None),
        ("{{$context.data.missing}}", None),
        ("{{$context.data.missing.deeper.still}}", None),
        ("{{$context.data.name.length}}", None),
        ("{{$nothing.at.all}}", None),
        ("{{$context.data.obj}}", {"b": [1, None]}),
        ("{{$context.data.when}}", datetime(2024, 5, 31, 8, 0, tzinfo=UTC)),
        ("{{$context.data.名前}}", "Lin"),
        ("{{$context.data.first name}}", "Ada L."),
        ("{{ctx.$context.data.id}}", 7),
        ("{{ctx.$env.KEY}}", "v"),
        ("{{$jobsMapByNodeKey.k1.total}}", 12),
        ("{{$env.KEY}}", "v"),
    ],
)
def test_lone_placeholder_gives_the_value(template, expected):
    assert render(template, SCOPE) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{$context.data.rows.title}}", ["Pen", "Pad", None]),
        ("{{$context.data.rows.tags.name}}", ["ink", "blue", "paper"]),
        ("{{$context.data.rows.tags.0.name}}", "ink"),
        ("{{$context.data.rows.0.title}}", "Pen"),
        ("{{$context.data.rows.9.title}}", None),
        ("{{$context.data.rows.1.tags.name}}", ["paper"]),
        ("{{$context.data.rows.missing}}", [None, None, None]),
        ("{{$context.data.empty.name}}", []),
        ("{{$context.data.grid.0}}", [1, 2]),
        ("{{$context.data.grid.1.0}}", 3),
    ],
)
def test_lists_are_flattened_one_level_or_indexed(template, expected):
    assert render(template, SCOPE) == expected


def test_flattening_leaves_no_trace():
    data = {"rows": [{"tags": [{"n": 1}]}]}
    render("{{rows.tags.n}}", data)
    assert data == {"rows": [{"tags": [{"n": 1}]}]}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{$context.data.missing:none}}", "none"),
        ("{{$context.data.none:none}}", "none"),
        ("{{$context.data.zero:none}}", 0),
        ("{{$context.data.missing: a b }}", "a b"),
        ("{{$context.data.missing:10:30}}", "10:30"),
        ("{{$context.data.missing:}}", ""),
        ("x{{$context.data.missing:y}}z", "xyz"),
    ],
)
def test_default_stands_in_for_null(template, expected):
    assert render(template, SCOPE) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("No. {{$context.data.id}}", "No. 7"),
        (" {{$context.data.id}} ", " 7 "),
        ("{{$context.data.id}}{{$context.data.id}}", "77"),
        ("<{{$context.data.none}}>", "<>"),
        ("<{{$context.data.missing}}>", "<>"),
        ("<{{$context.data.nan}}>", "<>"),
        ("<{{$context.data.on}}>", "<true>"),
        ("<{{$context.data.price}}>", "<2>"),
        ("<{{$context.data.half}}>", "<0.5>"),
        ("<{{$context.data.cost}}>", "<12.5>"),
        ("<{{$context.data.when}}>", "<2024-05-31T08:00:00Z>"),
        ("<{{$context.data.day}}>", "<2024-05-31>"),
        ("<{{$context.data.obj}}>", '<{"b":[1,null]}>'),
        ("<{{$context.data.grid}}>", "<[[1,2],[3]]>"),
    ],
)
def test_placeholder_inside_text_becomes_text(template, expected):
    assert render(template, SCOPE) == expected


@pytest.mark.parametrize(
    "template",
    ["", "plain", "{{}}", "{{ a | b }}", "{{a", "a}}", "{a}", "{{a[0]}}", "{{a{b}}", "{%if%}", "${a}", "{{'a'}}"],
)
def test_what_is_no_placeholder_stays(template):
    assert render(template, SCOPE) == template


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"a": "{{$context.data.id}}", "b": 1}, {"a": 7, "b": 1}),
        (["{{$context.data.id}}", "x", {"y": ["{{$env.KEY}}"]}], [7, "x", {"y": ["v"]}]),
        ({"{{$context.data.name}}": 1}, {"Ada": 1}),
        ({"n{{$context.data.id}}": "{{$context.data.id}}"}, {"n7": 7}),
        ({"{{$context.data.none}}": 1}, {"": 1}),
        (("{{$context.data.id}}", 2), [7, 2]),
    ],
)
def test_lists_objects_and_keys(template, expected):
    assert render(template, SCOPE) == expected


@pytest.mark.parametrize("value", [None, 1, 1.5, True, "x", [], {}, [1, {"a": "b"}], {"a": ["{{"]}])
def test_constants_are_returned_as_they_are(value):
    template = compile_template(value)
    assert template.constant
    rendered = template.render(SCOPE)
    assert rendered is value or isinstance(value, str)
    assert rendered == value


def test_a_template_renders_anew_each_time():
    template = compile_template({"a": ["{{x}}"], "b": {"c": 1}})
    assert not template.constant
    assert [template.render({"x": n}) for n in (1, 2)] == [{"a": [1], "b": {"c": 1}}, {"a": [2], "b": {"c": 1}}]


@pytest.mark.parametrize(("template", "expected"), [("{{$system.now}}", 5), ("{{$system.deep.x}}", 6)])
def test_functions_of_system_are_called(template, expected):
    assert render(template, SCOPE) == expected
    assert render(template.replace("$system", "ctx.$system"), SCOPE) == expected


def test_functions_elsewhere_are_not_called():
    assert render("{{a.b}}", {"a": {"b": print}}) is print


@pytest.mark.parametrize(
    ("template", "keys"),
    [
        ("{{$jobsMapByNodeKey.k1.total}}", {"k1"}),
        ("{{ctx.$jobsMapByNodeKey.k1}}", {"k1"}),
        ("a {{$jobsMapByNodeKey.k1}} b {{$jobsMapByNodeKey.k2.x}}", {"k1", "k2"}),
        ({"{{$jobsMapByNodeKey.k1}}": ["{{$jobsMapByNodeKey.k2:3}}"]}, {"k1", "k2"}),
        ("{{$jobsMapByNodeKey}}", set()),
        ("{{$context.data.id}}", set()),
        ("$jobsMapByNodeKey.k1", set()),
    ],
)
def test_node_keys_are_collected(template, keys):
    assert compile_template(template).node_keys == keys


class Lazily(Mapping):
    def __getitem__(self, key):
        if key == "boom":
            raise KeyError(key)
        return f"made {key}"

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0


def test_any_mapping_is_read_key_by_key():
    assert render("{{a.b}} {{a.boom}}", {"a": Lazily()}) == "made b "


class Secretive:
    secret = "leak"

    def __getitem__(self, key):
        return "leak"


@pytest.mark.parametrize("path", ["a.secret", "a.__class__", "a.0", "a.x", "b.0.secret", "f.__globals__", "s.upper"])
def test_attributes_are_never_reached(path):
    scope = {"a": Secretive(), "b": [Secretive()], "f": render, "s": "text"}
    assert render(f"{{{{{path}}}}}", scope) is None


def test_nesting_has_a_limit():
    value = "{{x}}"
    for _level in range(DEPTH_LIMIT):
        value = [value]
    compile_template(value)
    with pytest.raises(ExpressionError, match="nested"):
        compile_template([value])


def test_text_has_a_limit():
    scope = {"x": "a" * (TEXT_LIMIT // 2)}
    assert len(render("{{x}}{{x}}", scope)) == TEXT_LIMIT
    with pytest.raises(ExpressionError, match="characters"):
        render("{{x}}{{x}}.", scope)
