import pytest

from tests.workflows.kinds import graph, outline, plant
from tests.workflows.versioning import count, create, freeze, state
from workflows import versions
from workflows.counters import executed_of_keys
from workflows.errors import Invalid
from workflows.models import Category, Node, Workflow

pytestmark = [pytest.mark.engine, pytest.mark.django_db, pytest.mark.usefixtures("registered")]


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
