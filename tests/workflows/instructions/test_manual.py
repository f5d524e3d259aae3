"""What a step that asks people may be told (spec nocobase-engine 5.20)."""

import pytest

from tests.people import person
from workflows.errors import Invalid
from workflows.instructions.base import Effect
from workflows.instructions.manual import Manual
from workflows.models import Workflow
from workflows.validation import check_node

YES = {"key": "yes", "status": 1}
CREATE = {"type": "create", "collection": "shop.Customer", "schema": ["name"], "actions": [YES]}
UPDATE = {"type": "update", "collection": "shop.Customer", "filter": {"id": 1}, "actions": [YES]}


def parsed(**config):
    return Manual().parse(config)


def forms(form):
    return {"forms": {"f": form}}


REFUSED = [
    ({"mode": 2}, "mode"),
    ({"assignees": [True]}, "assignees.0"),
    ({"assignees": [{"filter": {"nobody": 1}}]}, "assignees.0.filter.nobody"),
    ({"assignees": [{"filter": {"password": "x"}}]}, "assignees.0.filter.password"),
    (forms({"actions": [{"key": "a", "status": 2}]}), "forms.f.actions.0.status"),
    (forms({"actions": [{"key": "", "status": 1}]}), "forms.f.actions.0.key"),
    (forms({"actions": [YES, YES]}), "forms.f.actions"),
    (forms({"type": "other"}), "forms.f.type"),
    ({"forms": {"_": {}}}, "forms._"),
    (forms({"schema": [{"name": "a", "type": "colour"}]}), "forms.f.schema.0.type"),
    (forms({"schema": [{"name": "_"}]}), "forms.f.schema.0"),
    (forms({"schema": [{"name": "a"}, {"name": "a"}]}), "forms.f.schema.1"),
    (
        forms({"schema": {"properties": {"a": {"type": "string", "maxLength": -1}}}}),
        "forms.f.schema.properties.a.maxLength",
    ),
    (forms({"schema": {"properties": {"a": {"enum": [None]}}}}), "forms.f.schema.properties.a"),
    (forms({**CREATE, "collection": "shop.Gone"}), "forms.f.collection"),
    (forms({**CREATE, "collection": "auth.User"}), "forms.f.collection"),
    (forms({**CREATE, "dataSource": "gone"}), "forms.f.collection"),
    (forms({**CREATE, "schema": ["nothing"]}), "forms.f.schema.0.nothing"),
    (forms({**CREATE, "actions": [{**YES, "values": {"nothing": 1}}]}), "forms.f.actions.0.values.nothing"),
    (forms({**CREATE, "actions": [{**YES, "values": {"credit": "much"}}]}), "forms.f.actions.0.values.credit"),
    (forms({**UPDATE, "filter": {}}), "forms.f.filter"),
    (forms({**UPDATE, "filter": {"nothing": 1}}), "forms.f.filter.nothing"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("config", "field"), REFUSED, ids=[field for _config, field in REFUSED])
def test_what_can_not_be_meant_is_refused_at_its_place(config, field):
    with pytest.raises(Invalid) as refusal:
        Manual().check(parsed(**config))
    assert field in refusal.value.errors


TAKEN = [
    {},
    {"assignees": None, "forms": None, "mode": None, "title": None, "description": None},
    forms(CREATE),
    forms({**UPDATE, "dataSource": "main", "filter": {"id": "{{$user.id}}"}}),
    forms({"actions": [{**YES, "values": {"by": "{{currentUser.nickname}}", "x": "{{$nForm.a}}"}}]}),
    {"schema": {"type": "void", "properties": {"tab": {"x-component": "Tab"}}}, **forms({"actions": [YES]})},
]


@pytest.mark.django_db
@pytest.mark.parametrize("config", TAKEN)
def test_what_can_be_meant_is_taken_and_saved(config):
    Manual().check(parsed(**config))
    check_node("manual", config, Workflow(type="manual"), None)


def test_it_is_told_when_nobody_can_decide():
    asked = {"assignees": [1]}
    [(place, _sentence)] = Manual().remarks(parsed(**asked, **forms({"actions": [{"key": "later", "status": 0}]})))
    assert place == "forms"
    assert Manual().remarks(parsed(**asked, **forms({"actions": [YES]}))) == []


@pytest.mark.parametrize("nobody", [None, "", [], {}], ids=repr)
def test_it_is_told_when_nobody_is_asked(nobody):
    [(place, _sentence)] = Manual().remarks(parsed(assignees=nobody, **forms({"actions": [YES]})))
    assert place == "assignees"


def test_it_is_told_where_a_preset_asks_for_what_there_is_not():
    preset = forms({"actions": [{**YES, "values": {"a": "{{$usr.id}}"}}]})
    [(place, sentence)] = Manual().remarks(parsed(assignees=[1], **preset))
    assert place.startswith("forms.f.values")
    assert "$user" in sentence


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("form", "permission"), [(CREATE, "shop.add_customer"), (UPDATE, "shop.change_customer")], ids=["create", "update"]
)
def test_who_saves_a_form_that_writes_needs_the_models_permission(form, permission):
    workflow = Workflow(type="manual", title="t")
    with pytest.raises(Invalid, match=permission):
        check_node("manual", forms(form), workflow, person(username="without"))
    check_node("manual", forms(form), workflow, person(permission, username="with"))


@pytest.mark.parametrize(
    ("assignees", "effect"), [([1, "{{$context.who}}"], Effect.PURE), ([[{"filter": {"id": 1}}]], Effect.TRANSACTIONAL)]
)
def test_only_a_filter_needs_a_savepoint(assignees, effect):
    assert Manual().effect_of(parsed(assignees=assignees)) is effect


def test_the_result_has_the_fields_of_the_forms():
    form = {"schema": {"properties": {"note": {"type": "string"}}}, "actions": [YES]}
    shape = Manual().result_shape(parsed(**forms(form)))
    assert set(shape.parts["f"].parts) == {"note"}
    assert Manual().result_shape(parsed(mode=1)).kind == "number"


def test_plain_json_schema_of_the_node_serves_forms_without_one():
    config = parsed(schema={"properties": {"a": {"type": "string"}}}, **forms({"actions": [YES]}))
    assert [field.name for field in config.fields_of("f")] == ["a"]
