import pytest
from django.db import IntegrityError

from tests.workflows.versioning import create, freeze, state
from workflows import versions
from workflows.errors import Frozen, Invalid, NotFound
from workflows.graph import load_graph
from workflows.models import Category, Workflow

pytestmark = [pytest.mark.engine, pytest.mark.django_db, pytest.mark.usefixtures("registered")]


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

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"lane": "a", "concurrency": {"limit": 2, "key": "b"}}, "options.concurrency.key"),
            ({"lane": "a", "rate": {"limit": 2, "seconds": 1}}, "options.rate.key"),
            ({"concurrency": {"limit": 2, "key": "b"}, "rate": {"limit": 2, "seconds": 1}}, "options.rate.key"),
            ({"concurrency": {"limit": 2, "kye": "b"}}, "options.concurrency.kye"),
            ({"concurrency": {"limit": 2, "key": "{{$context.a"}}, "options.concurrency.key"),
            ({"rate": {"limit": 2, "seconds": 1, "key": "{{$env.KEY}}"}}, "options.rate.key"),
            ({"debounce": {"seconds": 1, "key": "{{$contxt.a}}"}}, "options.debounce.key"),
            ({"debounce": {"seconds": "soon"}}, "options.debounce.seconds"),
        ],
    )
    def test_what_can_not_be_meant_of_the_flow_of_runs_is_refused(self, options, field):
        workflow = create()
        with pytest.raises(Invalid) as raised:
            versions.change_workflow(workflow, options=options)
        assert raised.value.field == field

    @pytest.mark.parametrize(
        ("name", "value"),
        [("concurrency", {"limit": 2}), ("rate", {"limit": 2, "seconds": 1}), ("debounce", {"seconds": 1})],
    )
    def test_runs_of_a_sync_workflow_wait_for_none(self, name, value):
        workflow = create(sync=True)
        with pytest.raises(Invalid) as raised:
            versions.change_workflow(workflow, options={name: value})
        assert raised.value.field == f"options.{name}"

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
        workflow = freeze(create(config={"every": 5, **before}, lenient=True))
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
        announced()
        versions.change_workflow(workflow, **columns)
        assert announced() is expected

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
