"""What an import would do, and what it refuses."""

import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.building import build
from tests.people import person
from workflows import transfer, versions
from workflows.errors import Invalid
from workflows.models import HistoryEntry, Node, Workflow
from workflows.transfer import State

CALCULATION = {"engine": "math.js", "expression": "1 + 1"}


def node(number: int, upstream: int | None = None, branch: int | None = None, **columns: Any) -> dict[str, Any]:
    known = {"key": f"n{number}", "title": f"Node {number}", "type": "calculation", "config": CALCULATION}
    return {"id": number, "upstreamId": upstream, "branchIndex": branch, **known, **columns}


def definition(*nodes: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return {"key": "orders", "title": "Orders", "type": "manual", "config": {}, "nodes": list(nodes), **columns}


def planned(*definitions: Any, **options: Any) -> transfer.Plan:
    return transfer.plan(transfer.read(json.dumps(definitions)), **options)


def places(plan: transfer.Plan) -> set[str]:
    return set(plan.errors)


CONDITION = {"type": "condition", "config": {"engine": "basic", "rejectOnFalse": False}}
WRITES = {"type": "create", "config": {"collection": "shop.Customer", "params": {"values": {"name": "Ada"}}}}
#: (what the file holds, places of its faults)
REFUSED: dict[str, tuple[list[Any], set[str]]] = {
    "an unknown trigger": ([definition(type="approval-2")], {"0.type"}),
    "an unknown node": ([definition(node(1, type="ai-employee"))], {"0.nodes.0.type"}),
    "an unknown model": (
        [definition(node(1, type="query", config={"collection": "shop.Ghost"}))],
        {"0.nodes.0.config.collection"},
    ),
    "a trigger's unknown model": (
        [definition(type="collection", config={"collection": "shop.Ghost", "mode": 1})],
        {"0.config.collection"},
    ),
    "a bad configuration": ([definition(node(1, config={"expression": 7}))], {"0.nodes.0.config.expression"}),
    "everything at once": (
        [definition(node(1, type="nope"), node(2, 1, config={"expression": 7})), definition(key="b", type="nope"),
         definition(key="c", title=5)],
        {"0.nodes.0.type", "0.nodes.1.config.expression", "1.type", "2.title"},
    ),
    "two first nodes": ([definition(node(1), node(2))], {"0.nodes"}),
    "a loose end": ([definition(node(1), node(2, 9))], {"0.nodes.1.upstreamId"}),
    "two at one place": ([definition(node(1), node(2, 1), node(3, 1))], {"0.nodes.2"}),
    "links that disagree": ([definition(node(1, downstreamId=2), node(2, 1, 0))],
                            {"0.nodes.0.downstreamId"}),
    "a key twice": ([definition(node(1), node(2, 1, key="n1"))], {"0.nodes.1.key"}),
    "an id twice": ([definition(node(1), node(1, 1, key="b"))], {"0.nodes.0.id", "0.nodes.1.id"}),
    "nothing, of the wrong kind": (
        [definition(type=[]), definition(key="b", config=[]), definition(key="c", nodes="")],
        {"0.type", "1.config", "2.nodes"},
    ),
    "texts that are none": (
        [definition(node(1, key=5, type=[], title={}))],
        {"0.nodes.0.key", "0.nodes.0.type", "0.nodes.0.title"},
    ),
    "no such branch": ([definition(node(1, **CONDITION), node(2, 1, 7))], {"0.nodes.1.branchIndex"}),
    "no title": ([definition(title=None)], {"0.title"}),
    "a bad zone": ([definition(timeZone="Mars/Base")], {"0.timeZone"}),
    "a name twice": ([definition(name="one"), definition(key="b", name="one")], {"0.name", "1.name"}),
    "texts that are too long": (
        [definition(key="k" * 65), definition(key="b", name="n" * 129), definition(key="c", title="t" * 256)],
        {"0.key", "1.name", "2.title"},
    ),
    "a key with a comma": ([definition(key="a,b")], {"0.key"}),
    "nodes that are none": ([definition(nodes=5)], {"0.nodes"}),
    "a configuration that is none": ([definition(config=[1])], {"0.config"}),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("given", "faults"), REFUSED.values(), ids=REFUSED)
def test_every_fault_is_told_by_its_place_and_nothing_is_done(given: Any, faults: set[str]) -> None:
    fine = definition(key="fine")
    plan = planned(*given, fine)
    assert places(plan) == faults
    assert not plan.writes
    with pytest.raises(Invalid) as raised:
        transfer.perform(transfer.read(json.dumps([*given, fine])))
    assert set(raised.value.errors) == faults
    assert not Workflow.objects.exists()
    assert not Node.objects.exists()
    assert not HistoryEntry.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "no workflow in the file"),
        ('{"data": []}', "no workflow in the file"),
        ("5", "in a form that is known"),
        ('[{"title": "x"}]', "in a form that is known"),
        ('{"Flow": {"StartAt": "x"}}', "in a form that is known"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        ('{"type": "manual", "title": "\\u0000"}', "NUL"),
        ('{"type": "manual", "config": ' + "[" * 70 + "]" * 70 + "}", "nested too deep"),
    ],
)
def test_a_file_that_is_none_is_refused(text: Any, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        transfer.read(text)


def test_a_mark_before_the_text_does_not_matter() -> None:
    assert transfer.read(b"\xef\xbb\xbf" + json.dumps(definition()).encode())[0].key == "orders"


@pytest.mark.django_db
def test_new_then_unchanged_then_a_version() -> None:
    first = definition(node(1), node(2, 1), enabled=True)
    assert [item.state for item in planned(first).items] == [State.NEW]
    transfer.perform(transfer.read(json.dumps(first)), enable=True)
    [item] = planned(first, enable=True).items
    assert (item.state, item.known.version if item.known else None) == (State.UNCHANGED, 1)

    second = definition(node(1, title="Renamed"), node(3, 1), description="Other")
    [item] = planned(second).items
    assert (item.state, item.version) == (State.VERSION, 2)
    assert item.comparison is not None
    assert [change.path for change in item.comparison.columns] == ["description"]
    assert [each.key for each in item.comparison.added] == ["n3"]
    assert [each.key for each in item.comparison.removed] == ["n2"]
    assert [change.path for change in item.comparison.changed[0].changes] == ["title"]
    transfer.perform(transfer.read(json.dumps(second)))
    # It is there, though not enabled, so it is not made again.
    assert [item.state for item in planned(second).items] == [State.UNCHANGED]
    rows = Workflow.objects.filter(key="orders").order_by("version")
    assert [(row.version, row.enabled, row.current) for row in rows] == [(1, True, True), (2, False, None)]


@pytest.mark.django_db
def test_enabling_is_left_to_what_the_file_does_not_call_disabled() -> None:
    given = [definition(key="a", enabled=False), definition(key="b"), definition(key="c", enabled=True)]
    _plan, made = transfer.perform(transfer.read(json.dumps(given)), enable=True)
    assert {each.workflow.key: each.workflow.enabled for each in made} == {"a": False, "b": True, "c": True}


@pytest.mark.django_db
def test_a_draft_may_lack_its_trigger_unless_it_is_enabled() -> None:
    draft = definition(type="collection", config={})
    assert not planned(draft).errors
    assert [found.place for found in planned(draft).items[0].warnings] == ["0.config.collection"]
    assert places(planned(draft, enable=True)) == {"0.config.collection"}


@pytest.mark.django_db
def test_of_several_versions_the_current_one_is_meant() -> None:
    given = [definition(title="Old", current=None), definition(title="Now", current=True), definition(title="Draft")]
    assert [item.state for item in planned(*given).items] == [State.PASSED_OVER, State.NEW, State.PASSED_OVER]
    same = definition(node(1))
    assert [item.state for item in planned(same, same).items] == [State.PASSED_OVER, State.NEW]


@pytest.mark.django_db
def test_more_nodes_than_a_workflow_may_have_are_not_looked_at(settings: Any) -> None:
    settings.SLUICE = {"NODES_LIMIT": 2}
    assert places(planned(definition(node(1, type="nope"), node(2, 1), node(3, 2)))) == {"0.nodes"}


@pytest.mark.django_db
def test_what_the_engine_passes_over_is_told() -> None:
    given = definition(node(1, config={**CALCULATION, "colour": "red"}, x=1), shape="round", options={"other": 1})
    [item] = planned(given).items
    assert item.state is State.NEW
    assert {found.place for found in item.warnings} == {
        "0.shape", "0.options.other", "0.nodes.0.x", "0.nodes.0.config.colour",
    }  # fmt: skip


@pytest.mark.django_db
def test_secrets_that_are_missing_here_are_named() -> None:
    asking = node(1, config={"engine": "math.js", "expression": "{{$env.PRICE}} + 1"})
    [item] = planned(definition(asking)).items
    assert [(found.place, found.node) for found in item.warnings] == [("0.nodes.0", "Node 1")]
    assert "PRICE" in item.warnings[0].message


@pytest.mark.django_db
def test_workflows_of_one_file_may_call_each_other() -> None:
    calls = {"type": "subflow", "config": {"workflow": "b"}}
    back = {"type": "subflow", "config": {"workflow": "a"}}
    given = [definition(node(1, **calls), key="a"), definition(node(1, **back), key="b")]
    assert not planned(*given).errors
    assert not Workflow.objects.exists()
    transfer.perform(transfer.read(json.dumps(given)))
    assert set(Workflow.objects.values_list("key", flat=True)) == {"a", "b"}
    assert places(planned(definition(node(1, type="subflow", config={"workflow": "zzz"})))) == {
        "0.nodes.0.config.workflow"
    }


@pytest.mark.django_db
def test_versions_share_their_trigger() -> None:
    build([], key="orders", title="Here")
    assert places(planned(definition(type="webhook"))) == {"0.type"}


@pytest.mark.django_db
def test_a_name_that_is_taken_and_one_that_is_kept() -> None:
    build([], key="other", name="taken")
    assert places(planned(definition(name="taken"))) == {"0.name"}
    build([], key="orders", title="Orders", name="kept", time_zone="Asia/Shanghai")
    [item] = planned(definition(node(1))).items
    assert (item.columns["name"], item.columns["time_zone"]) == ("kept", "Asia/Shanghai")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "permission"),
    [
        (WRITES, "shop.add_customer"),
        ({"type": "sql", "config": {"sql": "SELECT 1"}}, "workflows.use_sql"),
        ({"type": "script", "config": {"content": "return 1"}}, "workflows.use_script"),
    ],
)
def test_nodes_need_what_saving_them_needs(kind: Any, permission: str, settings: Any) -> None:
    settings.SLUICE = {"SQL_ALIASES": {"default": "read"}, "SCRIPT": {"enabled": True}}
    someone = person("workflows.add_workflow")
    plan = planned(definition(node(1, **kind)), by=someone)
    assert permission in " ".join(plan.errors.values())
    allowed = person("workflows.add_workflow", permission, username="allowed")
    assert not planned(definition(node(1, **kind)), by=allowed).errors


def only_sales(user: Any) -> Any:
    from django.db.models import Q

    return Q(title__startswith="Sales")


@pytest.mark.django_db
def test_a_hidden_workflow_gets_no_version(settings: Any) -> None:
    settings.SLUICE = {"VISIBLE": "tests.workflows.transfer.test_planning.only_sales"}
    build([], key="orders", title="Secret plans")
    plan = planned(definition(), by=person("workflows.add_workflow"))
    assert places(plan) == {"0.key"}
    assert "Secret" not in " ".join(plan.errors.values())


@pytest.mark.django_db
def test_a_name_tells_nothing_of_the_hidden_workflow_that_has_it(settings: Any) -> None:
    settings.SLUICE = {"VISIBLE": "tests.workflows.transfer.test_planning.only_sales"}
    build([], key="orders", name="pay", title="Secret plans")
    flow = {"Type": "StateMachine", "SpecVersion": "v1", "Name": "pay", "StartAt": "A",
            "States": [{"Type": "Pass", "Name": "A", "End": True}]}  # fmt: skip
    [item] = transfer.plan(transfer.read(json.dumps(flow)), by=person("workflows.add_workflow")).items
    assert [error.place for error in item.errors] == ["name"]
    assert (item.known, item.definition.key) == (None, None)
    assert "orders" not in item.errors[0].message


@pytest.mark.django_db
@pytest.mark.parametrize("faults", [{f"x{number}": 0 for number in range(5_000)}, {"nodes": [{"type": 5}] * 5_000}])
def test_of_very_many_faults_the_first_are_told(faults: Any) -> None:
    [item] = planned(definition(**faults)).items
    told = [*item.errors, *item.warnings]
    assert 200 < len(told) < 410
    assert "more like these" in " ".join(found.message for found in told)


@pytest.mark.django_db
def test_a_deleted_workflow_is_not_taken_over_by_its_key(settings: Any) -> None:
    """Its runs and its history would be seen with it."""
    gone = versions.create_workflow(type="manual", title="Secret plans", key="orders")
    versions.delete([gone])
    settings.SLUICE = {"VISIBLE": "tests.workflows.transfer.test_planning.only_sales"}
    ann = person("workflows.add_workflow")
    assert places(planned(definition(), by=ann)) == {"0.key"}
    assert not planned(definition(key="another"), by=ann).errors
    settings.SLUICE = {}
    assert not planned(definition(), by=ann).errors


@pytest.mark.django_db
def test_it_is_recorded_as_editing_by_hand_is() -> None:
    ann = get_user_model().objects.create_user("ann")
    transfer.perform(transfer.read(json.dumps(definition(node(1), node(2, 1)))), by=ann)
    entries = HistoryEntry.objects.order_by("id").values_list("action", "actor_name", "node_key")
    assert list(entries) == [("workflow.create", "ann", None), ("node.add", "ann", "n1"), ("node.add", "ann", "n2")]
    added = HistoryEntry.objects.get(node_key="n2")
    assert added.changes["upstream"] == [None, "Node 1"]


@pytest.mark.django_db
def test_a_confirmed_plan_is_known_by_its_fingerprint() -> None:
    before = planned(definition()).fingerprint
    assert planned(definition()).fingerprint == before
    assert planned(definition(), enable=True).fingerprint != before
    build([], key="orders", title="Meanwhile")
    assert planned(definition()).fingerprint != before


@pytest.mark.django_db
def test_many_nodes_take_few_statements(django_assert_max_num_queries: Any) -> None:
    nodes = [node(1), *(node(number, number - 1) for number in range(2, 121))]
    read = transfer.read(json.dumps(definition(*nodes)))
    # Reading, checking, and writing in bulk; SQLite links a few hundred parameters at a time.
    with django_assert_max_num_queries(45):
        transfer.perform(read)
    assert Node.objects.count() == 120


@pytest.mark.django_db
def test_a_form_of_ones_own() -> None:
    """Another form is a reader, registered: no more."""

    def lines(text: str) -> list[transfer.Definition]:
        return [
            transfer.Definition(str(index), {"title": line, "type": "manual", "key": f"line{index}"})
            for index, line in enumerate(text.splitlines()[1:])
        ]

    transfer.register_reader(transfer.Reader("lines", "Lines", lambda text: text.startswith("#lines"), lines))
    try:
        _plan, made = transfer.perform(transfer.read("#lines\nOne\nTwo"))
    finally:
        transfer.readers.__globals__["_readers"].pop("lines")
    assert [each.workflow.title for each in made] == ["One", "Two"]


@pytest.mark.django_db
def test_a_version_that_was_imported_can_be_enabled() -> None:
    _plan, [made] = transfer.perform(transfer.read(json.dumps(definition(node(1)))))
    assert versions.enable(made.workflow).enabled


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=3,
)
WHOLE = definition(
    node(1, type="condition", config={"engine": "basic", "rejectOnFalse": False}),
    node(2, 1, 1, policy={"onError": "continue"}),
    node(3, 1, type="query", config={"collection": "shop.Customer", "params": {"filter": {}}}),
    enabled=True, current=True, options={"timeout": 5}, name="name", timeZone="Asia/Shanghai", description="x",
)  # fmt: skip


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *(path for key, below in items for path in paths(below, (*before, key)))]


@pytest.mark.once
@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(path=st.sampled_from(paths(WHOLE)), value=JSON, enable=st.booleans())
def test_whatever_stands_in_a_file_it_is_read_or_refused(path: Any, value: Any, enable: bool) -> None:
    changed = json.loads(json.dumps([WHOLE]))
    place = changed
    for step in (0, *path)[:-1]:
        place = place[step]
    place[(0, *path)[-1]] = value
    try:
        definitions = transfer.read(json.dumps(changed))
        plan = transfer.plan(definitions, enable=enable)
        if plan.errors:
            assert all(plan.errors)
        else:
            transfer.perform(definitions, enable=enable)
    except Invalid:
        pass
