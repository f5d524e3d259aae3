import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from workflows.models import Category, Counter, Node, Workflow, new_key

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


def workflow(**columns):
    return Workflow.objects.create(**{"type": "t-tick", "title": "A test", **columns})


def refused(make):
    with pytest.raises(IntegrityError), transaction.atomic():
        make()


def test_keys_are_eleven_letters_and_digits():
    keys = {new_key() for _ in range(200)}
    assert len(keys) == 200
    assert all(len(key) == 11 and key.isascii() and key.isalnum() and key == key.lower() for key in keys)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"key": "k", "version": 1}, {"key": "k", "version": 1}, id="version-twice"),
        pytest.param(
            {"key": "k", "version": 1, "current": True}, {"key": "k", "version": 2, "current": True}, id="two-current"
        ),
        pytest.param({"name": "n", "current": True}, {"name": "n", "current": True}, id="name-twice"),
    ],
)
def test_versions_refused(first, second):
    workflow(**first)
    refused(lambda: workflow(**second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"key": "k", "version": 1}, {"key": "k", "version": 2}, id="neither-current"),
        pytest.param({"key": "k", "version": 1, "current": True}, {"key": "k", "version": 2}, id="one-current"),
        pytest.param({"key": "k", "current": True}, {"key": "K", "current": True}, id="case-of-keys"),
        pytest.param({"name": "n", "current": True}, {"name": "N", "current": True}, id="case-of-names"),
        pytest.param({"name": "n", "current": True}, {"name": "n"}, id="name-of-an-old-version"),
        pytest.param({"name": None, "current": True}, {"name": None, "current": True}, id="no-names"),
    ],
)
def test_versions_beside_each_other(first, second):
    workflow(**first)
    workflow(**second)
    assert Workflow.objects.count() == 2


@pytest.mark.parametrize("name", ["a", "_", "A-1_b", "x" * 128])
def test_names(name):
    Workflow(name=name).clean_fields(exclude=["title", "type"])


@pytest.mark.parametrize("name", ["1a", "-a", "a b", "a.b", "ä", "x" * 129, "a\n"])
def test_names_refused(name):
    with pytest.raises(ValidationError) as raised:
        Workflow(name=name).clean_fields(exclude=["title", "type"])
    assert set(raised.value.message_dict) == {"name"}


def test_names_are_told_apart_by_case_in_a_query():
    workflow(name="Quick", current=True)
    assert not Workflow.objects.filter(name="quick").exists()


def test_scopes():
    rows = [workflow(current=True, enabled=True), workflow(current=True), workflow()]
    assert set(Workflow.objects.current()) == set(rows[:2])
    assert set(Workflow.objects.listening()) == {rows[0]}


def test_defaults():
    row = workflow()
    row.refresh_from_db()
    assert (row.version, row.enabled, row.current, row.sync, row.invalid) == (1, False, None, False, False)
    assert (row.config, row.options, row.frozen) == ({}, {"timeout": 0}, False)


def test_case_10_a_stored_mark_invalid_is_read_without_nodes(django_assert_num_queries):
    workflow(invalid=True)
    with django_assert_num_queries(1):
        assert [row.invalid for row in Workflow.objects.all()] == [True]


class TestNodes:
    def test_a_key_stands_once_in_a_version(self):
        first, second = workflow(), workflow()
        Node.objects.create(workflow=first, key="a", type="t-plain")
        Node.objects.create(workflow=second, key="a", type="t-plain")
        Node.objects.create(workflow=first, key="A", type="t-plain")
        refused(lambda: Node.objects.create(workflow=first, key="a", type="t-plain"))

    def test_a_branch_has_one_head(self):
        row = workflow()
        fork = Node.objects.create(workflow=row, type="t-fork")
        Node.objects.create(workflow=row, type="t-plain", upstream=fork, branch_index=0)
        Node.objects.create(workflow=row, type="t-plain", upstream=fork, branch_index=1)
        Node.objects.create(workflow=row, type="t-plain", upstream=fork)
        refused(lambda: Node.objects.create(workflow=row, type="t-plain", upstream=fork, branch_index=0))

    def test_go_with_their_version(self):
        row = workflow()
        fork = Node.objects.create(workflow=row, type="t-fork")
        Node.objects.create(workflow=row, type="t-plain", upstream=fork, branch_index=0)
        row.delete()
        assert not Node.objects.exists()


def test_a_version_has_a_counter_a_slot():
    row = workflow()
    Counter.objects.create(key=row.key, workflow=row, slot=0)
    Counter.objects.create(key=row.key, workflow=row, slot=1)
    # What is left of deleted versions.
    Counter.objects.create(key=row.key, slot=0)
    Counter.objects.create(key=row.key, slot=0)
    refused(lambda: Counter.objects.create(key=row.key, workflow=row, slot=0))


def test_counters_and_authors_outlive_what_they_name():
    row = workflow(updated_by_id=987_654_321)
    Counter.objects.create(key=row.key, workflow=row, slot=0, executed=3)
    Workflow.objects.all().delete()
    assert Counter.objects.get().executed == 3


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (Workflow(title="Big order", version=3), "Big order (v3)"),
        (Node(title="", type="loop", key="k1"), "loop k1"),
        (Node(title="Each line", type="loop", key="k1"), "Each line"),
        (Category(title="Sales"), "Sales"),
    ],
)
def test_text(record, text):
    assert str(record) == text
