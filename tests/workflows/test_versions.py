import re
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.utils import timezone

from executions.models import Execution
from tests.workflows.kinds import graph, outline, plant
from workflows import versions
from workflows.ambient import acting
from workflows.counters import executed_of_keys
from workflows.errors import Busy, Frozen, Invalid, NotFound
from workflows.graph import load_graph
from workflows.models import Category, Counter, Node, Workflow
from workflows.triggers import listening

pytestmark = [pytest.mark.engine, pytest.mark.django_db, pytest.mark.usefixtures("registered")]


@pytest.fixture
def user():
    return get_user_model().objects.create_user("ann")


@pytest.fixture
def announced(monkeypatch):
    """One entry for each time that what listens may have changed."""
    calls = []
    monkeypatch.setattr(listening, "changed", lambda: calls.append(True))
    return calls


def create(**columns):
    return versions.create_workflow(**{"type": "t-tick", "title": "A test", "config": {"every": 5}, **columns})


def state(*rows):
    """(enabled, current) of each row as it is stored."""
    stored = Workflow.objects.in_bulk([row.pk for row in rows])
    return [(stored[row.pk].enabled, stored[row.pk].current) for row in rows]


def freeze(workflow):
    Workflow.objects.filter(pk=workflow.pk).update(frozen_at=timezone.now())
    workflow.refresh_from_db()
    return workflow


def count(workflow, *numbers, key=None):
    for slot, number in enumerate(numbers):
        Counter.objects.create(key=key or workflow.key, workflow=workflow, slot=slot, executed=number)


class TestCreate:
    def test_case_1_enabled_is_current_and_not_yet_run(self, announced):
        workflow = create(enabled=True)
        assert state(workflow) == [(True, True)]
        assert versions.executed([workflow.pk]) == {workflow.pk: 0}
        assert executed_of_keys([workflow.key]) == {workflow.key: 0}
        assert announced

    def test_case_2_the_first_of_a_key_is_current_even_if_disabled(self, announced):
        assert state(create()) == [(False, True)]
        assert not announced

    def test_columns(self, user):
        category = Category.objects.create(title="Sales")
        workflow = create(
            name="big_order",
            description="Looks at orders.",
            trigger_title="On an order",
            sync=True,
            options={"timeout": 5, "mine": [1]},
            time_zone="Europe/Berlin",
            categories=[category],
            definition_source="{}",
            by=user,
        )
        stored = Workflow.objects.get()
        assert stored.pk == workflow.pk
        assert (stored.name, stored.description, stored.trigger_title) == (
            "big_order",
            "Looks at orders.",
            "On an order",
        )
        assert (stored.sync, stored.options, stored.time_zone) == (True, {"timeout": 5, "mine": [1]}, "Europe/Berlin")
        assert (stored.definition_source, stored.version, stored.config) == ("{}", 1, {"every": 5})
        assert (stored.created_by_id, stored.updated_by_id) == (user.pk, user.pk)
        assert list(stored.categories.all()) == [category]

    def test_nulls_are_defaults(self):
        workflow = create(name="", description=None, options=None, config=None, time_zone=None, key=None)
        assert (workflow.name, workflow.description, workflow.options) == (None, "", {"timeout": 0})
        assert (workflow.config, workflow.time_zone, len(workflow.key)) == ({}, "", 11)

    def test_the_author_is_who_is_signed_in(self, user):
        with acting(user):
            assert create().created_by_id == user.pk

    def test_case_9_the_mark_invalid_is_not_a_clients_to_set(self):
        assert create(invalid=True).invalid is False

    def test_a_kind_that_is_never_synchronous_overrules(self):
        assert create(type="t-never-sync", sync=True).sync is False

    def test_a_further_version_of_a_known_key(self):
        first = create(key="orders")
        second = create(key="orders")
        third = create(key="orders", enabled=True)
        assert [row.version for row in (first, second, third)] == [1, 2, 3]
        assert state(first, second, third) == [(False, None), (False, None), (True, True)]

    def test_a_draft_needs_no_configuration_until_it_listens(self):
        draft = create(config={})
        with pytest.raises(Invalid) as raised:
            versions.enable(draft)
        assert raised.value.field == "config.every"
        assert state(draft) == [(False, True)]

    @pytest.mark.parametrize(
        ("columns", "field"),
        [
            pytest.param({"type": "t-none"}, "type", id="case8-unknown-type"),
            pytest.param({"type": None}, "type", id="case8-no-type"),
            pytest.param({"type": ["t-tick"]}, "type", id="case8-no-text"),
            pytest.param({"config": {"every": "often"}}, "config.every", id="config-schema"),
            pytest.param({"config": {"every": 1, "wrong": True}}, "config.wrong", id="config-check"),
            pytest.param({"config": []}, "config", id="config-no-object"),
            pytest.param({"config": {"every": 1, "a": ["\x00"]}}, "config.a.0", id="config-nul"),
            pytest.param({"config": {}, "enabled": True}, "config.every", id="enabled-without-config"),
            pytest.param({"title": ""}, "title", id="no-title"),
            pytest.param({"title": None}, "title", id="null-title"),
            pytest.param({"title": "x" * 256}, "title", id="long-title"),
            pytest.param({"title": "a\x00"}, "title", id="nul-in-title"),
            pytest.param({"trigger_title": "x" * 256}, "trigger_title", id="long-trigger-title"),
            pytest.param({"enabled": "perhaps"}, "enabled", id="no-truth"),
            pytest.param({"name": "1st"}, "name", id="name-begins-with-a-digit"),
            pytest.param({"name": "a b"}, "name", id="name-with-a-space"),
            pytest.param({"name": "a\n"}, "name", id="name-with-a-newline"),
            pytest.param({"name": "x" * 129}, "name", id="long-name"),
            pytest.param({"key": "x" * 65}, "key", id="long-key"),
            pytest.param({"options": {"timeout": 10**15}}, "options.timeout", id="options"),
            pytest.param({"options": ["timeout"]}, "options", id="options-no-object"),
            pytest.param({"options": {"lane": "{{$context.data"}}, "options.lane", id="lane-broken-template"),
            pytest.param({"options": {"lane": "a"}, "sync": True}, "options.lane", id="lane-of-a-sync-workflow"),
            pytest.param({"time_zone": "Mars/Olympus"}, "time_zone", id="time-zone"),
            pytest.param({"time_zone": "Europe"}, "time_zone", id="half-a-time-zone"),
            pytest.param({"time_zone": "../etc/passwd"}, "time_zone", id="time-zone-path"),
            pytest.param({"categories": [404]}, "categories", id="no-such-category"),
            pytest.param({"frozen_at": None}, "frozen_at", id="not-to-be-set"),
            pytest.param({"nonsense": 1}, "nonsense", id="no-such-column"),
        ],
    )
    def test_refused(self, columns, field):
        with pytest.raises(Invalid) as raised:
            create(**columns)
        assert raised.value.field == field
        assert not Workflow.objects.exists()

    def test_lane_of_an_async_workflow(self):
        assert create(options={"lane": "order-{{$context.data.id}}"}).pk


class TestNames:
    def test_are_unique_among_current_versions(self):
        create(name="quick")
        with pytest.raises(Invalid, match="is named quick") as raised:
            create(name="quick")
        assert raised.value.field == "name"

    def test_are_case_sensitive(self):
        create(name="quick")
        assert create(name="Quick").pk

    def test_versions_share_theirs(self):
        first = create(name="quick")
        second = versions.revise(first)
        assert second.name == "quick"
        versions.enable(second)
        assert state(first, second) == [(False, None), (True, True)]

    def test_an_old_version_may_not_bring_back_a_name_that_is_taken(self):
        old = create(name="quick")
        versions.revise(old, enabled=True, name="swift")
        create(name="quick")
        with pytest.raises(Invalid, match="is named quick") as raised:
            versions.enable(old)
        assert raised.value.field == "name"
        assert state(old) == [(False, None)]

    def test_two_at_once(self, monkeypatch):
        create(name="quick")
        # As for who looked before the other had committed.
        monkeypatch.setattr(versions, "_check_name", lambda workflow: None)
        with pytest.raises(Busy, match="at the same moment"):
            create(name="quick")
        assert Workflow.objects.count() == 1


class TestChange:
    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("title", "Another"),
            ("description", "Why."),
            ("trigger_title", "When"),
            pytest.param("config", {"every": 9}, id="case11-config"),
            ("options", {"timeout": 9}),
            ("name", "slow"),
            ("time_zone", "Asia/Shanghai"),
            ("enabled", True),
        ],
    )
    def test_one_column(self, column, value, user):
        workflow = create()
        row = versions.change_workflow(workflow, **{column: value}, by=user)
        stored = Workflow.objects.get()
        for version in (workflow, row, stored):
            assert getattr(version, column) == value
            assert version.updated_by_id == user.pk
        assert stored.updated_at > stored.created_at

    def test_others_stay_as_someone_else_saved_them(self):
        workflow = create()
        Workflow.objects.update(description="meanwhile")
        versions.change_workflow(workflow, title="Another")
        assert Workflow.objects.get().description == "meanwhile"

    def test_categories(self):
        one, two = Category.objects.create(title="1"), Category.objects.create(title="2")
        workflow = create(categories=[one])
        versions.change_workflow(workflow, categories=[two])
        assert list(workflow.categories.all()) == [two]
        versions.change_workflow(workflow, categories=[])
        assert not workflow.categories.exists()

    @pytest.mark.parametrize(
        ("columns", "field"),
        [
            ({"sync": True}, "sync"),
            ({"type": "t-never-sync"}, "type"),
            ({"key": "other"}, "key"),
            ({"version": 9}, "version"),
            ({"current": None}, "current"),
            ({"invalid": True}, "invalid"),
            ({"nonsense": 1}, "nonsense"),
            ({"config": {"every": None}}, "config.every"),
            ({"config": "x"}, "config"),
            ({"options": {"priority": -1}}, "options.priority"),
            ({"title": "", "description": "new"}, "title"),
            ({"name": "no name"}, "name"),
            ({"time_zone": "nowhere"}, "time_zone"),
        ],
    )
    def test_refused(self, columns, field):
        workflow = create()
        with pytest.raises(Invalid) as raised:
            versions.change_workflow(workflow, **columns)
        assert raised.value.field == field
        stored = Workflow.objects.get()
        assert (stored.title, stored.description, stored.config) == ("A test", "", {"every": 5})

    def test_a_sync_workflow_gets_no_lane(self):
        workflow = create(sync=True)
        with pytest.raises(Invalid) as raised:
            versions.change_workflow(workflow, options={"lane": "a"})
        assert raised.value.field == "options.lane"

    def test_what_stays_may_be_sent_along(self):
        workflow = freeze(create(sync=True))
        sent = {
            name: getattr(workflow, name)
            for name in ("type", "sync", "key", "config", "version", "current", "invalid", "enabled")
        }
        versions.change_workflow(workflow, **sent, title="Another")
        assert Workflow.objects.get().title == "Another"

    def test_case_12_the_configuration_of_a_version_that_has_runs(self):
        workflow = create()
        freeze(Workflow.objects.get())
        with pytest.raises(Frozen, match="make a new version") as raised:
            versions.change_workflow(workflow, config={"every": 6}, title="Another")
        assert raised.value.field == "config"
        assert Workflow.objects.get().title == "A test"

    @pytest.mark.parametrize(
        ("before", "after"), [({"a": True}, {"a": 1}), ({"a": [0]}, {"a": [False]}), ({}, {"a": None})]
    )
    def test_a_frozen_configuration_that_differs_slightly(self, before, after):
        workflow = freeze(create(config={"every": 5, **before}))
        with pytest.raises(Frozen):
            versions.change_workflow(workflow, config={"every": 5, **after})

    @pytest.mark.parametrize(
        "column", ["title", "description", "trigger_title", "options", "name", "time_zone", "enabled"]
    )
    def test_what_a_version_that_has_runs_may_change(self, column):
        value = {"options": {"timeout": 1}, "time_zone": "UTC", "enabled": True}.get(column, "other")
        workflow = freeze(create())
        versions.change_workflow(workflow, **{column: value})
        assert getattr(Workflow.objects.get(), column) == value

    @pytest.mark.parametrize(
        ("enabled", "frozen", "columns", "expected"),
        [
            pytest.param(False, False, {"title": "b"}, False, id="disabled"),
            pytest.param(True, False, {"title": "b"}, True, id="enabled"),
            pytest.param(False, False, {"enabled": True}, True, id="case3-enabling"),
            pytest.param(True, False, {"enabled": False}, True, id="case4-disabling"),
            pytest.param(True, False, {"config": {"every": 6}}, True, id="case6-configuration"),
            pytest.param(False, True, {"options": {"timeout": 1}}, True, id="options-of-cached-graphs"),
        ],
    )
    def test_listeners_are_told(self, announced, enabled, frozen, columns, expected):
        workflow = create(enabled=enabled)
        if frozen:
            freeze(workflow)
        announced.clear()
        versions.change_workflow(workflow, **columns)
        assert bool(announced) is expected

    def test_a_deleted_version(self):
        workflow = create()
        versions.delete([Workflow.objects.get()])
        for operation in (versions.change_workflow, versions.enable, versions.disable, versions.revise, versions.copy):
            with pytest.raises(NotFound, match="was deleted"):
                operation(workflow)


class TestEnabling:
    def test_makes_current_and_disables_the_former(self, user):
        first = create(enabled=True)
        second = versions.revise(first)
        versions.enable(second, by=user)
        assert state(first, second) == [(False, None), (True, True)]
        assert (second.enabled, second.current) == (True, True)
        versions.enable(first)
        assert state(first, second) == [(True, True), (False, None)]
        assert Workflow.objects.get(pk=second.pk).updated_by_id is None

    def test_case_4_disabling_leaves_it_current(self):
        workflow = create(enabled=True)
        versions.disable(workflow)
        assert state(workflow) == [(False, True)]
        assert workflow.enabled is False

    def test_case_5_off_and_on(self):
        workflow = create(enabled=True)
        versions.disable(workflow)
        versions.enable(workflow)
        assert state(workflow) == [(True, True)]

    def test_disabling_an_old_version_changes_nothing(self):
        first = create(enabled=True)
        second = versions.revise(first)
        versions.disable(second)
        assert state(first, second) == [(True, True), (False, None)]

    def test_checks_the_configuration(self):
        workflow = create()
        Workflow.objects.update(config={"every": 5, "wrong": True})
        with pytest.raises(Invalid) as raised:
            versions.enable(workflow)
        assert raised.value.field == "config.wrong"
        assert workflow.enabled is False

    def test_of_a_kind_that_is_gone(self):
        workflow = create()
        Workflow.objects.update(type="t-gone")
        with pytest.raises(Invalid) as raised:
            versions.enable(workflow)
        assert raised.value.field == "type"


class TestRevise:
    def test_case_15_of_a_version_that_has_runs(self, user):
        first = freeze(
            create(enabled=True, name="quick", options={"timeout": 7}, description="Why.", trigger_title="When")
        )
        count(first, 3, 4)
        second = Workflow.objects.get(pk=versions.revise(first, by=user).pk)
        assert (second.key, second.version, second.current, second.enabled) == (first.key, 2, None, False)
        for column in (
            "title",
            "description",
            "trigger_title",
            "options",
            "type",
            "sync",
            "config",
            "name",
            "time_zone",
        ):
            assert getattr(second, column) == getattr(first, column)
        assert not second.frozen
        assert second.created_by_id == user.pk
        assert versions.executed([first.pk, second.pk]) == {first.pk: 7, second.pk: 0}
        assert executed_of_keys([first.key]) == {first.key: 7}
        assert state(first) == [(True, True)]

    @pytest.mark.parametrize("operation", [versions.revise, versions.copy])
    @pytest.mark.parametrize("text", ["", "a", "a b", "A(0: B(1: c; 3: d e) f; 2: g) h"])
    def test_case_18_nodes_keep_their_keys(self, operation, text):
        workflow = create()
        nodes = plant(workflow, text)
        Node.objects.update(config={"amount": 7}, policy={"timeout": 1})
        twin = operation(workflow)
        assert outline(twin) == text
        assert {node.title: key for key, node in graph(twin).by_key.items()} == {
            title: node.key for title, node in nodes.items()
        }
        assert all(
            (node.config, node.policy, node.workflow_id) == ({"amount": 7}, {"timeout": 1}, twin.pk)
            for node in twin.nodes.all()
        )
        assert outline(workflow) == text

    @pytest.mark.parametrize("operation", [versions.revise, versions.copy])
    def test_case_21_keeps_categories(self, operation):
        categories = [Category.objects.create(title="Sales"), Category.objects.create(title="Stock")]
        workflow = create(categories=categories)
        assert set(operation(workflow).categories.all()) == set(categories)

    @pytest.mark.parametrize("operation", [versions.revise, versions.copy])
    def test_case_20_synchronous_stays_so(self, operation):
        assert operation(create(sync=True)).sync is True

    def test_numbers_count_within_the_key(self):
        first = create()
        second, third = versions.revise(first), versions.revise(first)
        versions.delete([second])
        fourth = versions.revise(third)
        create()
        assert [row.version for row in (first, second, third, fourth)] == [1, 2, 3, 4]

    def test_overrides(self):
        category = Category.objects.create(title="Sales")
        first = create()
        twin = versions.revise(
            first,
            title="Another",
            description="New.",
            trigger_title="Now",
            options={"timeout": 3},
            name="swift",
            categories=[category],
            time_zone="UTC",
            invalid=True,
        )
        assert (twin.title, twin.description, twin.trigger_title) == ("Another", "New.", "Now")
        assert (twin.options, twin.name, twin.time_zone, twin.invalid) == ({"timeout": 3}, "swift", "UTC", False)
        assert list(twin.categories.all()) == [category]

    def test_type_mode_and_configuration_are_always_the_origins(self):
        twin = versions.revise(create(), type="t-never-sync", sync=True, config={"every": 9})
        assert (twin.type, twin.sync, twin.config) == ("t-tick", False, {"every": 5})

    @pytest.mark.parametrize(
        ("enabled", "overrides", "expected"),
        [
            pytest.param(
                True, {"enabled": True, "current": True}, [(False, None), (True, True)], id="case26-takes-over"
            ),
            pytest.param(
                False, {"enabled": False, "current": True}, [(False, None), (False, True)], id="case26-disabled"
            ),
            pytest.param(True, {"enabled": True}, [(False, None), (True, True)], id="enabled-is-current"),
            pytest.param(True, {"current": True}, [(False, None), (False, True)], id="current-alone"),
            pytest.param(True, {"current": None}, [(True, True), (False, None)], id="null"),
            pytest.param(True, {"current": False}, [(True, True), (False, None)], id="never-false"),
        ],
    )
    def test_may_take_over_at_once(self, enabled, overrides, expected):
        first = create(enabled=enabled)
        second = versions.revise(first, **overrides)
        assert state(first, second) == expected

    @pytest.mark.parametrize(
        ("overrides", "field"),
        [
            ({"title": ""}, "title"),
            ({"options": {"priority": -1}}, "options.priority"),
            ({"key": "other"}, "key"),
            ({"nonsense": 1}, "nonsense"),
        ],
    )
    def test_refused(self, overrides, field):
        with pytest.raises(Invalid) as raised:
            versions.revise(create(), **overrides)
        assert raised.value.field == field
        assert Workflow.objects.count() == 1

    @pytest.mark.parametrize("text", ["", "a b c", "A(0: B(1: c; 3: d e) f; 2: g) h"])
    def test_costs_as_many_queries_whatever_the_nodes(self, text, django_assert_max_num_queries):
        workflow = create()
        plant(workflow, text)
        with django_assert_max_num_queries(14):
            versions.revise(workflow)


class TestCopy:
    def test_case_19(self, user):
        workflow = freeze(create(name="quick", enabled=True, options={"timeout": 4}))
        count(workflow, 5)
        twin = versions.copy(workflow, by=user)
        assert twin.key != workflow.key
        assert (twin.title, twin.name, twin.version) == ("A test copy", None, 1)
        assert (twin.options, twin.config, twin.created_by_id) == ({"timeout": 4}, {"every": 5}, user.pk)
        assert state(workflow, twin) == [(True, True), (False, True)]
        assert versions.executed([twin.pk]) == {twin.pk: 0}
        assert executed_of_keys([twin.key]) == {twin.key: 0}

    def test_of_a_long_title(self):
        twin = versions.copy(create(title="x" * 255))
        assert twin.title.endswith("x copy")
        assert len(twin.title) <= 255

    def test_overrides(self):
        twin = versions.copy(create(), title="Another", name="swift", key="mine", enabled=True)
        assert (twin.title, twin.name, twin.key, twin.enabled) == ("Another", "swift", "mine", True)

    def test_a_taken_name(self):
        with pytest.raises(Invalid) as raised:
            versions.copy(create(name="quick"), name="quick")
        assert raised.value.field == "name"


class TestDelete:
    def test_case_24_a_version_that_is_not_current_goes_alone(self, announced):
        first = create(enabled=True)
        second = versions.revise(first, enabled=True)
        plant(first, "A(0: b) c")
        plant(second, "a")
        count(first, 3, 4)
        count(second, 5)
        assert versions.delete([first]) == 1
        assert list(Workflow.objects.all()) == [second]
        assert Node.objects.count() == 1
        assert versions.executed([first.pk, second.pk]) == {first.pk: 0, second.pk: 5}
        assert executed_of_keys([first.key]) == {first.key: 12}

    def test_the_current_version_takes_all_others_along(self, announced):
        first = create(enabled=True)
        second = versions.revise(first, enabled=True)
        other = create()
        plant(first, "A(0: b) c")
        for row in (first, second, other):
            count(row, 3)
        count(None, 9, key=first.key)
        announced.clear()
        assert versions.delete([second]) == 2
        assert list(Workflow.objects.all()) == [other]
        assert list(Counter.objects.values_list("key", "executed")) == [(other.key, 3)]
        assert not Node.objects.exists()
        assert announced

    def test_runs_stay(self):
        workflow = create()
        now = timezone.now()
        run = Execution.objects.create(
            workflow=workflow, key=workflow.key, title="A test", version=1, type="t-tick", queue="q",
            created_at=now, updated_at=now,
        )  # fmt: skip
        versions.delete([workflow])
        assert Execution.objects.get().workflow_id == run.workflow_id

    def test_of_a_selection(self):
        first, other = create(), create()
        second = versions.revise(first)
        assert versions.delete(Workflow.objects.all()) == 3
        assert versions.delete([first, second, other]) == 0
        assert versions.delete([]) == 0

    def test_keeps_categories(self):
        category = Category.objects.create(title="Sales")
        versions.delete([create(categories=[category])])
        assert Category.objects.get() == category


def test_case_17_versions_share_the_key_of_their_runs():
    first = create()
    second = versions.revise(first)
    assert first.key == second.key
    assert first.pk != second.pk


def test_case_28_counters_beyond_doubles():
    workflow = create()
    count(workflow, 2**53 + 1, 2**53 + 3)
    assert versions.executed([workflow.pk]) == {workflow.pk: 2**54 + 4}
    assert executed_of_keys([workflow.key]) == {workflow.key: 2**54 + 4}


def test_counts_cost_one_query(django_assert_num_queries):
    rows = [create() for _ in range(3)]
    count(rows[1], 1, 2)
    with django_assert_num_queries(1):
        assert list(versions.executed([row.pk for row in rows]).values()) == [0, 3, 0]


def test_the_database_itself_refuses_two_current_versions():
    first = create()
    second = versions.revise(first)
    with pytest.raises(IntegrityError):
        Workflow.objects.filter(pk=second.pk).update(current=True)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda workflow: versions.change_workflow(workflow, options={"timeout": 9}), id="options"),
        pytest.param(lambda workflow: versions.change_workflow(workflow, title="Another"), id="title"),
    ],
)
def test_cached_graphs_know_what_a_version_that_has_runs_may_change(change):
    workflow = freeze(create())
    assert (load_graph(workflow.pk).options.timeout, load_graph(workflow.pk).title) == (0, "A test")
    change(workflow)
    assert (load_graph(workflow.pk).options.timeout, load_graph(workflow.pk).title) != (0, "A test")


def test_a_cached_graph_goes_with_its_version():
    workflow = freeze(create())
    load_graph(workflow.pk)
    versions.delete([workflow])
    with pytest.raises(NotFound):
        load_graph(workflow.pk)


def test_the_examples_of_the_docs():
    text = (Path(__file__).parents[2] / "docs" / "versions.md").read_text()
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
    assert [row.version for row in Workflow.objects.order_by("pk")] == [1, 2]
    assert state(names["big_order"], names["second"]) == [(False, None), (True, True)]
