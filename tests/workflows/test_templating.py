"""What may be saved of templates, through `versions` and `editing`, whatever the kind."""

import pytest

from tests.workflows.kinds import plant, spare
from workflows import editing, versions
from workflows.errors import Invalid
from workflows.models import Node

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]

OPEN = "{{$context.data.id"
NOT_CLOSED = "A placeholder is not closed; write {{ before and }} behind it."
CHANNELS = {"ops": {"type": "webhook", "url": "https://chat.example.com/hook"}}


def errors(operation, *arguments, **values):
    with pytest.raises(Invalid) as raised:
        operation(*arguments, **values)
    return raised.value.errors


def rows(**params):
    return {"collection": "shop.Review", "params": params}


QUOTED = "A placeholder in quotes is not filled in but shows as $$0; write it without them."
#: A configuration with a template that is not closed, and where it stands.
BROKEN = [
    ("create", rows(values={"order": OPEN, "reason": "x"}), "params.values.order"),
    ("create", rows(values={"order": 1, "reason": "No. {{$context.data.id}"}), "params.values.reason"),
    ("create", rows(values={"order": 1, "{{$context.name": 1}), "params.values.{{$context.name"),
    ("update", rows(filter={"order": OPEN}, values={"reason": "x"}), "params.filter.order"),
    ("update", rows(filter={"$and": [{"order": {"$in": [1, OPEN]}}]}, values={"reason": "x"}),
     "params.filter.$and.0.order.$in.1"),
    ("destroy", rows(filter={"order": OPEN}), "params.filter.order"),
    ("query", rows(pageSize=OPEN), "params.pageSize"),
    ("aggregate", {"collection": "shop.Order", "aggregator": "sum",
                   "params": {"field": "total", "filter": {"id": OPEN}}}, "params.filter.id"),
    ("output", {"value": OPEN}, "value"),
    ("output", {"value": {"deep": [{"x": "{{$context.data.id}"}]}}, "value.deep.0.x"),
    ("variable", {"value": [OPEN]}, "value.0"),
    ("delay", {"duration": OPEN}, "duration"),
    ("request", {"url": f"https://example.com/{OPEN}"}, "url"),
    ("request", {"url": "https://example.com/", "headers": [{"name": "A", "value": OPEN}]}, "headers.0.value"),
    ("request", {"url": "https://example.com/", "data": {"a": {"b": OPEN}}}, "data.a.b"),
    ("loop", {"target": OPEN}, "target"),
    ("loop", {"target": 3, "condition": {"calculation": {"calculator": "equal", "operands": [OPEN, 1]}}},
     "condition.calculation.operands.0"),
    ("condition", {"calculation": {"calculator": "equal", "operands": [OPEN, 1]}}, "calculation.operands.0"),
    ("multi-conditions", {"conditions": [{"calculation": {"calculator": "equal", "operands": [OPEN, 1]}}]},
     "conditions.0.calculation.operands.0"),
    ("calculation", {"engine": "string", "expression": OPEN}, "expression"),
    ("dateCalculation", {"input": OPEN, "steps": []}, "input"),
    ("json-query", {"source": OPEN, "expression": "a"}, "source"),
    ("json-query", {"source": "{{$context}}", "expression": OPEN}, "expression"),
    ("json-variable-mapping", {"dataSource": OPEN, "variables": []}, "dataSource"),
    ("dynamic-calculation", {"expression": OPEN, "scope": None}, "expression"),
    ("mailer", {"from": "a@example.com", "to": ["b@example.com"], "subject": OPEN, "text": "x"}, "subject"),
    ("notification", {"channelName": "ops", "message": {"text": OPEN}}, "message.text"),
    ("sql", {"sql": "SELECT {{$context.data.id"}, "sql"),
]  # fmt: skip


@pytest.mark.parametrize(("type", "config", "place"), BROKEN, ids=[f"{row[0]}-{row[2]}" for row in BROKEN])
def test_a_placeholder_that_is_not_closed_is_refused_where_it_stands(type, config, place, settings):
    settings.SLUICE = {"CHANNELS": CHANNELS, "SQL_ALIASES": {"default": "read"}}
    workflow = spare()
    assert errors(editing.add_node, workflow, type=type, config=config)[f"config.{place}"] == NOT_CLOSED
    assert not Node.objects.exists()


@pytest.mark.parametrize(
    ("type", "config", "place"),
    [
        ("output", {"value": "{{$contxt.a}}"}, "value"),
        ("create", rows(values={"order": "{{$contxt.a}}", "reason": "x"}), "params.values.order"),
        ("calculation", {"expression": "1 + {{$contxt.a}}"}, "expression"),
        ("condition", {"engine": "formula.js", "expression": "{{$contxt.a}} = 1"}, "expression"),
        ("multi-conditions", {"conditions": [{"engine": "math.js", "expression": "{{$contxt.a}}"}]},
         "conditions.0.expression"),
    ],
)  # fmt: skip
def test_an_unknown_root_is_refused(type, config, place):
    found = errors(editing.add_node, spare(), type=type, config=config)
    assert found == {f"config.{place}": 'A path can\'t begin with $contxt. Did you mean "$context"?'}


@pytest.mark.parametrize(
    ("type", "config", "place"),
    [
        ("calculation", {"engine": "formula.js", "expression": "CONCATENATE('a', '{{$context.a}}')"}, "expression"),
        ("condition", {"engine": "math.js", "expression": '{{$context.a}} == "{{$context.b}}"'}, "expression"),
        ("calculation", {"expression": "[{{$context.a}}]' + '{{x}}'"}, "expression"),
    ],
)
def test_case_176_a_placeholder_in_quotes_is_refused(type, config, place):
    found = errors(editing.add_node, spare(), type=type, config=config)
    assert found == {f"config.{place}": QUOTED}
    assert editing.add_node(spare(), type=type, config=config, lenient=True).config == config


def test_all_places_are_told_at_once():
    values = {"order": OPEN, "reason": "{{$contxt.a}}", "nope": 1}
    found = errors(editing.add_node, spare(), type="create", config=rows(values=values))
    assert set(found) == {f"config.params.values.{name}" for name in values}


@pytest.mark.parametrize(
    ("type", "config"),
    [
        # A node may be added later, and is looked for when the whole is checked.
        ("output", {"value": "{{$jobsMapByNodeKey.later.x}} {{$scopes.loop.item}}"}),
        ("output", {"value": {"json": '{"a":{"b":1}}', "{{$context.key}}": "{{ctx.$context.a:none}}"}}),
        # Quoted in an expression braces are text.
        ("calculation", {"expression": "concat('{{', 'name', '}}')"}),
        ("calculation", {"engine": "string", "expression": "it's {{$context.a}}'s"}),
        ("dynamic-calculation", {"expression": {"expression": "1 + {{read}}"}, "scope": "{{$context}}"}),
        ("multi-conditions", {"conditions": [{"title": "{{t('Large')}}", "engine": "math.js", "expression": "1"}]}),
        ("json-query", {"source": "{{$context}}", "expression": "a", "model": [{"path": "a", "label": "{{x"}]}),
        ("json-variable-mapping", {"dataSource": "{{$context}}", "variables": [{"key": "{{x", "path": "a"}]}),
    ],
)  # fmt: skip
def test_what_is_no_mistake(type, config):
    assert editing.add_node(spare(), type=type, config=config).config == config


class TestDialects:
    def test_one_keeps_it_as_text(self):
        node = editing.add_node(spare(), type="output", config={"value": OPEN}, lenient=True)
        assert Node.objects.get(pk=node.pk).config == {"value": OPEN}

    def test_what_one_stored_may_stay(self):
        node = editing.add_node(spare(), type="output", config={"value": [OPEN]}, lenient=True)
        editing.change_node(node, title="renamed")
        editing.change_node(node, config={"value": ["{{$context.a}}", OPEN]})
        editing.copy_node(node, upstream=None)
        assert errors(editing.change_node, node, config={"value": [OPEN, "{{$context.b"]}) == {
            "config.value.1": NOT_CLOSED
        }


class TestVersions:
    def test_a_trigger(self):
        config = {"collection": "shop.Order", "mode": 1, "condition": {"status": "{{$context.status"}}
        found = errors(versions.create_workflow, type="collection", title="x", config=config)
        assert found == {"config.condition.status": NOT_CLOSED}

    @pytest.mark.parametrize(
        ("options", "place", "said"),
        [
            ({"lane": "a-{{$context.id"}, "lane", NOT_CLOSED),
            ({"lane": "a-{{$context.id} }}"}, "lane", NOT_CLOSED),
            ({"lane": "a-{{$contxt.id}}"}, "lane", 'A path can\'t begin with $contxt. Did you mean "$context"?'),
            ({"lane": "{{$env.KEY}}"}, "lane", "A path can't begin with $env; it begins with one of $context."),
            ({"searchAttributes": {"customer": "{{$context.id"}}, "searchAttributes.customer", NOT_CLOSED),
            ({"searchAttributes": {"customer": "{{$contxt.id}}"}}, "searchAttributes.customer",
             'A path can\'t begin with $contxt. Did you mean "$context"?'),
        ],
    )  # fmt: skip
    def test_options(self, options, place, said):
        found = errors(versions.create_workflow, type="t-tick", title="x", options=options)
        assert found == {f"options.{place}": said}

    def test_enabling_names_the_field_and_where(self):
        workflow = versions.create_workflow(type="collection", title="x")
        with pytest.raises(Invalid) as raised:
            versions.enable(workflow)
        assert raised.value.errors == {
            "config.collection": (
                'Choose the model whose rows are listened to: "collection" in the workflow\'s configuration.'
            )
        }
        assert "collection" in str(raised.value)


def test_a_kind_of_ones_own_is_checked_too():
    nodes = plant(spare(), "a")
    assert errors(editing.change_node, nodes["a"], config={"writes": OPEN}) == {"config.writes": NOT_CLOSED}
