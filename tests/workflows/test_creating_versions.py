import pytest

from tests.workflows.versioning import create, state
from workflows import versions
from workflows.ambient import acting
from workflows.counters import executed_of_keys
from workflows.errors import Invalid
from workflows.models import Category, Workflow

pytestmark = [pytest.mark.engine, pytest.mark.django_db, pytest.mark.usefixtures("registered")]


class TestCreate:
    def test_case_1_enabled_is_current_and_not_yet_run(self, announced):
        workflow = create(enabled=True)
        assert state(workflow) == [(True, True)]
        assert versions.executed([workflow.pk]) == {workflow.pk: 0}
        assert executed_of_keys([workflow.key]) == {workflow.key: 0}
        assert announced()

    def test_case_2_the_first_of_a_key_is_current_even_if_disabled(self, announced):
        assert state(create()) == [(False, True)]
        assert not announced()

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
            lenient=True,
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


def test_no_name_is_the_key_of_another() -> None:
    other = versions.create_workflow(type="manual", title="Other", key="orders0key")
    with pytest.raises(Invalid, match="is the key of another workflow") as raised:
        versions.create_workflow(type="manual", title="A", name=other.key)
    assert raised.value.field == "name"
    assert versions.change_workflow(other, name=other.key).name == other.key
