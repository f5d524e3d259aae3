"""Forms made of configurations: what is drawn reads back as it was, and each control changes what it is for."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.http import QueryDict
from pydantic import Field

from config.demo import definitions
from workflows.admin.schemaform import SchemaField, rows
from workflows.admin.schemaform.texts import read_any, show_any
from workflows.instructions import get_instruction, instructions
from workflows.instructions.base import NodeConfig
from workflows.models import Node
from workflows.policy import Policy
from workflows.triggers import triggers


class Filled(HTMLParser):
    """What a browser would send of a form as it was drawn."""

    def __init__(self, html):
        super().__init__()
        self.sent, self.buttons, self.labels = {}, [], {}
        self._select = self._textarea = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.sent[given["name"]] = given.get("value", "on")
        elif tag == "textarea":
            self._textarea = given["name"]
            self.sent[self._textarea] = ""
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and (self._select not in self.sent or "selected" in given):
            self.sent[self._select] = given["value"]
        elif tag == "button" and "name" in given:
            self.buttons.append(given["value"])

    def handle_endtag(self, tag):
        if tag == "textarea":
            self._textarea = None

    def handle_data(self, data):
        if self._textarea:
            self.sent[self._textarea] += data


def field(type):
    return SchemaField(get_instruction(type).Config)


def drawn(field, value):
    return field.widget.render("config", value, {"id": "id_config"})


def read(field, sent):
    data = QueryDict(mutable=True)
    for name, value in sent.items():
        data[name] = value
    return field.widget.value_from_datadict(data, {}, "config")


def again(field, value, **changes):
    """What comes back of a configuration that was drawn and sent, with some controls changed."""
    return read(field, {**Filled(drawn(field, value)).sent, **changes})


CONDITION = {"group": {"type": "or", "calculations": [{"calculator": "gt", "operands": ["{{$context.a}}", 5]}]}}

STORED = [
    ("calculation", {}),
    ("calculation", {"engine": "math.js", "expression": "1 < 2 &amp; '\"'\n\n  end"}),
    ("output", {"value": "5"}),
    ("output", {"value": 5}),
    ("output", {"value": "true"}),
    ("output", {"value": None}),
    ("output", {"value": "{{$context}}"}),
    ("output", {"value": {"a": [1, "x", None], "b": "</textarea><script>"}}),
    ("output", {"value": " spaces\n"}),
    ("output", {"value": "[not json"}),
    ("output", {"value": 1, "unknown": {"kept": [1, 2]}}),
    ("condition", {"engine": "basic", "calculation": CONDITION, "rejectOnFalse": True}),
    ("condition", {"engine": "basic", "calculation": {"group": {"type": "and", "calculations": [CONDITION]}}}),
    ("condition", {"calculation": None, "rejectOnFalse": False}),
    ("multi-conditions", {"conditions": [{"title": None, "calculation": CONDITION, "own": 1}, {}], "keep": True}),
    ("loop", {"target": "{{$context.rows}}", "exit": 2, "condition": {"checkpoint": 1, "expression": "1"}}),
    ("loop", {"target": 3, "condition": None}),
    ("delay", {"duration": "{{$context.n}}", "unit": 60000, "endStatus": -1}),
    ("query", {"collection": "shop.Line", "params": {
        "filter": {"order_id": {"$eq": "{{$context.data.id}}"}, "product": {"name": {"$includes": "x"}}},
        "sort": [{"field": "id", "direction": "desc"}], "appends": ["product"], "page": "{{$context.p}}"}}),
    ("query", {"collection": "shop.Line", "params": {"filter": {"$or": [{"id": {"$in": [1]}}, {"id": {"$eq": 9}}]}}}),
    ("query", {"collection": "shop.Line", "params": {"filter": {"$and": [{"$or": [{"id": {"$eq": 9}}]}]}}}),
    ("query", {"collection": "shop.Line", "params": {"filter": "{{$context.filter}}"}}),
    ("query", {"collection": "gone.Model", "params": {"filter": {"a": {"$eq": 1}}}}),
    ("create", {"collection": "shop.Review", "params": {"values": {"order_id": 1, "reason": "5", "odd": [1]}}}),
    ("create", {"collection": "gone.Model", "params": {"values": {"a": 1}}}),
    ("update", {"collection": "shop.Order", "params": {"values": {"cleared": True}, "filter": {"id": {"$eq": 1}}}}),
    ("request", {"url": "https://x", "method": "GET", "headers": [{"name": "a", "value": "1"}], "timeout": 10}),
    ("manual", {"assignees": [1, "{{$context.who}}"], "forms": {"f": {"title": "A form"}}}),
    ("manual", {"assignees": None}),
    ("manual", {"assignees": []}),
    ("manual", {"assignees": "{{$context.who}}"}),
    ("manual", {"assignees": 7}),
    ("manual", {"assignees": ["7", "ann", {"id": 3}, [1, 2], {"filter": {"is_staff": {"$eq": True}}}]}),
    ("manual", {"assignees": {"filter": {}}}),
    ("manual", {"assignees": [{"filter": "{{$context.filter}}"}, {"filter": {"$and": [{"$or": [{"id": 9}]}]}}]}),
    ("cc", {"users": ["a\nb", True], "schema": {"x": 1}}),
    ("approval", {"assignees": [1], "form": {"type": "update", "schema": ["note", "cleared"]}, "delegate": True,
        "addSigners": [{"filter": {"id": {"$eq": 1}}}]}),
    ("manual", {"forms": {"a.b": {"schema": []}, "": {"schema": None}, "c": {}, "2": {"schema": "{{$context.x}}"}}}),
    ("manual", {"forms": {"f": {"schema": ["a", {"name": "b"}, {"name": "c", "type": "integer", "minimum": 1,
        "required": True, "title": "C", "enum": [1, "2"]}, {"name": "d", "required": False, "type": "array"}]}}}),
    ("manual", {"forms": {"f": {"schema": [1, "a"]}, "g": {"schema": [["a"]]}, "h": 5}}),
    ("manual", {"forms": {"f": {"actions": [{"key": "ok", "status": -5, "values": {"a": 1}}, {"key": "no", "own": 2}],
        "schema": {"type": "object", "title": "T", "required": ["b"], "properties": {
            "a": {"type": "string", "format": "date"}, "b": {"type": "integer", "description": "x"}}}}}}),
    ("manual", {"forms": {"f": {"schema": {"properties": {"a": {"type": ["integer", "null"]}}}}}}),
    ("manual", {"forms": {"f": {"schema": {"properties": {"a": {"type": "string"}}, "required": ["gone"]}}}}),
    ("manual", {"forms": {"f": {"schema": {"properties": {"a": {"name": "other"}}, "x-component": "Page"}}}}),
]  # fmt: skip


@pytest.mark.parametrize(("type", "config"), STORED)
def test_what_is_drawn_reads_back_as_it_was(type, config):
    assert again(field(type), config) == config


@pytest.mark.parametrize("type", [*instructions(), *(f"trigger {name}" for name in triggers())])
def test_a_new_form_of_every_kind_says_nothing_but_what_was_filled_in(type):
    kind = triggers()[type.split()[1]] if type.startswith("trigger ") else instructions()[type]
    found = again(SchemaField(kind.Config), {})
    assert {key: value for key, value in found.items() if value not in ({}, [], None)} == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "make", [definitions.big_order, definitions.restock, definitions.customer_tier, definitions.order_follow_up]
)
def test_the_demos_nodes_read_back_as_they_were(make):
    for node in Node.objects.filter(workflow=make()):
        assert again(field(node.type), node.config) == node.config
        assert again(SchemaField(Policy), node.policy) == node.policy


@pytest.mark.parametrize(
    ("type", "config", "changes", "after"),
    [
        ("calculation", {}, {"config.expression": "1\r\n2"}, {"expression": "1\n2"}),
        ("delay", {}, {"config.unit": "60000"}, {"unit": 60000}),
        ("condition", {}, {"config.rejectOnFalse": "on"}, {"rejectOnFalse": True}),
        ("request", {}, {"config.timeout": " 7 "}, {"timeout": 7}),
        ("output", {}, {"config.value": '["a"]'}, {"value": ["a"]}),
        ("loop", {}, {"_do": "on:config.condition"}, {"condition": {}}),
        ("loop", {"condition": {"expression": "1"}}, {"_do": "off:config.condition"}, {"condition": None}),
        ("multi-conditions", {}, {"_do": "add:config.conditions"}, {"conditions": [{}]}),
        ("multi-conditions", {"conditions": [{"title": "a"}, {"title": "b"}]}, {"_do": "up:config.conditions.1"},
         {"conditions": [{"title": "b"}, {"title": "a"}]}),
        ("multi-conditions", {"conditions": [{"title": "a"}, {"title": "b"}]}, {"_do": "remove:config.conditions.0"},
         {"conditions": [{"title": "b"}]}),
        ("query", {"collection": "shop.Line"}, {"_do": "add:config.params.filter", "config.params.filter.$new": "id"},
         {"collection": "shop.Line", "params": {"filter": {"id": {"$eq": None}}}}),
        ("query", {"collection": "shop.Line", "params": {"filter": {"id": {"$eq": 1}}}},
         {"config.params.filter.0.op": "$gt", "config.params.filter.0.right": "{{$context.n}}"},
         {"collection": "shop.Line", "params": {"filter": {"id": {"$gt": "{{$context.n}}"}}}}),
        ("create", {"collection": "shop.Review", "params": {"values": {"reason": "x"}}},
         {"_do": "add:config.params.values", "config.params.values.$new": "order_id"},
         {"collection": "shop.Review", "params": {"values": {"reason": "x", "order_id": None}}}),
        ("condition", {}, {"_do": "add:config.calculation"},
         {"calculation": {"group": {"type": "and", "calculations": [
             {"calculator": "equal", "operands": [None, None]}]}}}),
        ("manual", {}, {"_do": "add:config.assignees"}, {"assignees": [None]}),
        ("manual", {"assignees": [None]}, {"config.assignees.0": "ann"}, {"assignees": ["ann"]}),
        ("manual", {"assignees": [1, 2, 3]}, {"_do": "remove:config.assignees.1"}, {"assignees": [1, 3]}),
        ("manual", {"assignees": 1}, {"_do": "add-filter:config.assignees"}, {"assignees": [1, {"filter": {}}]}),
        ("manual", {"assignees": {"filter": {}}},
         {"_do": "add:config.assignees.0", "config.assignees.0.$new": "username"},
         {"assignees": {"filter": {"username": {"$eq": None}}}}),
        ("manual", {}, {"_do": "add:config.forms"}, {"forms": {"form": {}}}),
        ("manual", {"forms": {"form": {}}}, {"_do": "add:config.forms"}, {"forms": {"form": {}, "form2": {}}}),
        ("manual", {"forms": {"a": {}, "b": {}}}, {"config.forms.1.$key": "a"}, {"forms": {"a": {}, "a2": {}}}),
        ("manual", {"forms": {"a": {}, "b": {}}}, {"_do": "remove:config.forms.0"}, {"forms": {"b": {}}}),
        ("manual", {"forms": {"a": {}}}, {"_do": "add:config.forms.0.schema"}, {"forms": {"a": {"schema": [{}]}}}),
        ("manual", {"forms": {"a": {"schema": [{}]}}}, {"config.forms.0.schema.0.name": "why"},
         {"forms": {"a": {"schema": ["why"]}}}),
        ("manual", {"forms": {"a": {"schema": ["why"]}}},
         {"config.forms.0.schema.0.type": '"text"', "config.forms.0.schema.0.required": "on"},
         {"forms": {"a": {"schema": [{"name": "why", "type": "text", "required": True}]}}}),
        ("manual", {"forms": {"a": {"schema": {"properties": {"x": {"type": "string"}, "y": {}}}}}},
         {"config.forms.0.schema.0.name": "y", "config.forms.0.schema.1.required": "on"},
         {"forms": {"a": {"schema": {"properties": {"y": {"type": "string"}, "y2": {}}, "required": ["y2"]}}}}),
    ],
)  # fmt: skip
def test_controls_and_buttons_change_what_they_are_for(type, config, changes, after):
    assert again(field(type), config, **changes) == after


@pytest.mark.parametrize(
    ("type", "changes", "path"),
    [
        ("output", {"config.value": '{"a": '}, "value"),
        ("request", {"config.timeout": "soon"}, "timeout"),
        ("manual", {"config.forms": "{"}, "forms"),
    ],
)
def test_what_can_not_be_read_is_told_at_its_control_and_shown_again(type, changes, path):
    made = field(type)
    value = again(made, {}, **changes)
    with pytest.raises(Exception, match=path):
        made.clean(value)
    assert path in made.widget.errors
    html = drawn(made, value)
    assert f'id="id_config.{path}-error"' in html
    assert Filled(html).sent[f"config.{path}"] == changes[f"config.{path}"]


@pytest.mark.parametrize(
    ("config", "path", "control"),
    [
        ({"forms": {"a": {}, "b.c": {}}}, "forms.b.c", "config.forms.1.$key"),
        ({"forms": {"a": 1, "b": 2}}, "forms.b", "config.forms.1.$key"),
        ({"forms": {"a": {"schema": ["x", "1"]}}}, "forms.a.schema.1", "config.forms.0.schema.1.name"),
        ({"forms": {"a": {"schema": [{"name": "x", "type": "y"}]}}}, "forms.a.schema.0.type",
         "config.forms.0.schema.0.type"),
        ({"forms": {"a": {"schema": {"properties": {"x": {}, "1": {}}}}}}, "forms.a.schema.properties.1",
         "config.forms.0.schema.1.name"),
        ({"assignees": [1, 2.5]}, "assignees.1", "config.assignees.1"),
    ],
)  # fmt: skip
def test_errors_below_keys_stand_at_the_control_that_is_drawn_for_them(config, path, control):
    made = field("manual")
    made.widget.errors[path] = "Told here."
    html = drawn(made, config)
    assert html.count("Told here.") == 1
    assert f'name="{control}" id="id_{control}"' in html
    assert f'id="id_{control}-error">Told here.' in html


def test_all_of_it_may_be_typed_as_json_and_back():
    made, config = field("calculation"), {"expression": "1 + 1", "own": [1]}
    sent = Filled(drawn(made, config)).sent
    assert read(made, {**sent, "_do": "json:config"}) == config
    as_json = Filled(drawn(made, config))
    assert list(as_json.sent) == ["config"]
    assert as_json.buttons == ["form:config"]
    assert read(made, {**as_json.sent, "_do": "form:config"}) == config
    assert "config.expression" in Filled(drawn(made, config)).sent


@pytest.mark.parametrize(
    "sent",
    [
        {"config.conditions.$n": "9" * 400},
        {"config.conditions.$n": "-1", "config.$kept": "[]"},
        {"config.$kept": '{"has": 5, "rest": "x"}'},
        {"config.$kept": "{", "_do": "remove:config.conditions.99999999999999999999"},
        {"_do": "add:"},
        {"_do": ":::"},
        {"_do": "up:config.conditions.0", "config.conditions.$n": "1"},
    ],
)
def test_posts_that_no_form_sends_break_nothing(sent):
    assert isinstance(read(field("multi-conditions"), sent), dict)


@pytest.mark.parametrize(
    "value", ["", "5", "-1.5e3", "null", '"x"', "[1", "{{a}}", "{a}", "a\nb", 5, 1.5, True, None, [], {}]
)
def test_any_value_is_shown_so_that_it_reads_back(value):
    assert read_any(show_any(value)) == value
    assert type(read_any(show_any(value))) is type(value)


@pytest.mark.parametrize("value", [{"$not": {"a": {"$eq": 1}}}, {"a": 5}, {"a": {}}, [], "x"])
def test_filters_that_are_no_rows_are_left_to_json(value):
    assert rows.rows_of_filter(value) is None


class OwnConfig(NodeConfig):
    table: str = Field("", json_schema_extra={"x-editor": "collection"})
    where: dict[str, Any] = Field(default_factory=dict, json_schema_extra={"x-editor": "filter"})
    what: str = Field("", json_schema_extra={"x-editor": "nobody-knows-it"}, description="What it is for.")


def test_a_kind_of_ones_own_asks_for_its_controls_in_its_schema():
    html = drawn(SchemaField(OwnConfig), {"table": "shop.Order", "where": {"id": {"$eq": 1}}})
    sent = Filled(html).sent
    assert (sent["config.table"], sent["config.where.0.left"], sent["config.where.0.right"]) == (
        "shop.Order",
        "id",
        "1",
    )
    assert '<option value="shop.Order" selected>' in html
    assert '<textarea name="config.what"' in html
    assert "What it is for." in html
