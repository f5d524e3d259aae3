"""What is recorded of people's changes to workflows and nodes, and that it stays as it was written."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory
from django.urls import resolve

from tests.people import person
from workflows import ambient, history, versions
from workflows.actions import Action, Origin
from workflows.editing import add_node, change_node, copy_node, move_node, remove_branch, remove_node
from workflows.errors import Invalid, Refused
from workflows.models import Category, HistoryEntry

pytestmark = [pytest.mark.engine, pytest.mark.django_db]

RIGHT = {"engine": "math.js", "expression": "1 == 1", "rejectOnFalse": False}


def workflow(**columns):
    return versions.create_workflow(type="manual", title="Discount", **columns)


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def newest() -> HistoryEntry:
    return HistoryEntry.objects.first()


def actions() -> list[str]:
    return list(HistoryEntry.objects.order_by("id").values_list("action", flat=True))


class TestWorkflows:
    def test_all_that_is_known_of_a_change(self):
        ada = person(username="ada")
        row = workflow()
        versions.disable(versions.enable(row, by=ada), by=ada, reason=" It costs too much. ")
        entry = newest()
        assert (entry.action, entry.action_title) == (Action.WORKFLOW_DISABLE, "Disabled")
        assert (entry.actor, entry.actor_name, entry.origin, entry.address) == (ada, "ada", "python", "")
        assert (entry.object_kind, entry.object_id, entry.title) == ("workflow", row.pk, "Discount (v1)")
        assert (entry.workflow, entry.workflow_key, entry.execution) == (row.pk, row.key, None)
        assert (entry.reason, entry.changes) == ("It costs too much.", {"enabled": [True, False]})
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM workflows_historyentry WHERE at IS NULL")
            assert cursor.fetchone() == (0,)

    def test_each_operation_has_its_action(self):
        row = workflow()
        versions.enable(row)
        versions.change_workflow(row, title="Rebate", description="Less.")
        twin = versions.revise(row, title="Rebate 2")
        copied = versions.copy(row)
        versions.delete([row])
        assert actions() == [
            "workflow.create", "workflow.enable", "workflow.change", "workflow.revise", "workflow.copy",
            "workflow.delete", "workflow.delete",
        ]  # fmt: skip
        entries = {entry.action: entry for entry in HistoryEntry.objects.order_by("id")}
        assert entries["workflow.change"].changes == {"title": ["Discount", "Rebate"], "description": ["", "Less."]}
        assert entries["workflow.revise"].changes == {"version": [1, 2], "title": ["Rebate", "Rebate 2"]}
        assert entries["workflow.copy"].changes["origin"] == [None, "Rebate (v1)"]
        assert {entry.object_id for entry in HistoryEntry.objects.filter(action="workflow.delete")} == {row.pk, twin.pk}
        # One query tells a workflow's whole life, also after its end; a copy has a life of its own.
        assert len(HistoryEntry.objects.of_workflow(row.key)) == 6
        assert [entry.object_id for entry in HistoryEntry.objects.of_workflow(copied.key)] == [copied.pk]

    def test_who_enables_one_version_is_told_which_it_replaces(self):
        row = workflow(enabled=True)
        twin = versions.revise(row)
        versions.enable(twin)
        assert (newest().action, newest().changes) == (
            "workflow.enable",
            {"current": [1, 2], "enabled": [False, True]},
        )

    def test_categories_go_by_their_titles(self):
        row = workflow()
        sales, stock = Category.objects.create(title="Sales"), Category.objects.create(title="Stock")
        versions.change_workflow(row, categories=[stock, sales])
        assert newest().changes == {"categories": ["", "Sales, Stock"]}

    @pytest.mark.parametrize("given", [{}, {"title": "Discount"}, {"enabled": False}, {"categories": []}])
    def test_a_change_that_changes_nothing_is_none(self, given):
        versions.change_workflow(workflow(), **given)
        assert actions() == ["workflow.create"]

    def test_what_is_refused_is_not_recorded(self):
        row = workflow()
        with pytest.raises(Invalid):
            versions.change_workflow(row, name="not a name")
        assert actions() == ["workflow.create"]


class TestNodes:
    def test_each_operation_has_its_action(self):
        row = workflow()
        first = add_node(row, type="condition", title="Large?", config=RIGHT)
        second = add_node(row, type="calculation", title="Rate", config={"engine": "math.js", "expression": "1"},
                          upstream=first)  # fmt: skip
        change_node(second, config={"engine": "math.js", "expression": "2"}, title="Rate")
        move_node(second, upstream=first, branch_index=1)
        copied = copy_node(second, upstream=None)
        remove_branch(first, 1, reason="No rate.")
        remove_node(copied, reason="Nor here.")
        entries = list(HistoryEntry.objects.order_by("id"))[1:]
        assert [(entry.action, entry.object_id) for entry in entries] == [
            ("node.add", first.pk),
            ("node.add", second.pk),
            ("node.change", second.pk),
            ("node.move", second.pk),
            ("node.copy", copied.pk),
            ("node.remove_branch", first.pk),
            ("node.remove", copied.pk),
        ]
        assert {(entry.workflow, entry.workflow_key) for entry in entries} == {(row.pk, row.key)}
        added, _second, changed, moved, _copied, cut, removed = entries
        assert added.title == "Discount (v1): Large?"
        assert (added.changes["type"], added.changes["title"]) == ([None, "condition"], [None, "Large?"])
        assert changed.changes == {"config.expression": ["1", "2"]}
        assert moved.changes == {"branch_index": [None, 1]}
        assert (cut.changes, cut.reason) == ({"branch_index": [1, None], "nodes": [["Rate"], None]}, "No rate.")
        assert (removed.changes, removed.reason) == ({"nodes": [["Rate"], None]}, "Nor here.")

    def test_of_a_node_over_its_versions(self):
        row = workflow()
        node = add_node(row, type="condition", title="Large?", config=RIGHT)
        twin = versions.revise(row).nodes.get()
        change_node(twin, title="Larger?")
        other = versions.copy(row).nodes.get()
        change_node(other, title="Another's")
        assert node.key == twin.key == other.key
        found = HistoryEntry.objects.of_node(row.key, node.key)
        assert [(entry.action, entry.object_id) for entry in found] == [("node.change", twin.pk), ("node.add", node.pk)]

    def test_a_node_saved_as_it_was_leaves_no_entry(self):
        node = add_node(workflow(), type="condition", title="Large?", config=RIGHT)
        change_node(node, title="Large?", config=RIGHT)
        assert newest().action == "node.add"


class TestWhoAndWhere:
    def test_nobody_from_python(self):
        workflow()
        assert (newest().actor_id, newest().actor_name, newest().origin) == (None, "", Origin.PYTHON)

    def test_what_a_run_does_is_no_persons(self):
        with ambient.inside(((1, 1),)):
            workflow()
        assert not HistoryEntry.objects.exists()

    def test_on_behalf_of_somebody(self):
        with ambient.acting(person(username="ada")), ambient.coming_from(Origin.COMMAND):
            workflow()
        assert (newest().actor_name, newest().origin) == ("ada", "command")

    def test_a_user_who_is_deleted_stays_named(self):
        ada = person(username="ada")
        workflow(by=ada)
        pk = ada.pk
        ada.delete()
        assert (newest().actor_id, newest().actor_name) == (pk, "ada")

    @pytest.mark.parametrize(
        ("path", "origin"),
        [
            ("/admin/workflows/workflow/", "admin"),
            ("/api/v1/workflows/", "api"),
            ("/api/v1/executions/7/cancel/", "api"),
            ("/shop/", "web"),
            ("/nowhere/", "web"),
        ],
    )
    def test_requests_tell_where_they_come_from_and_nobodys_header_is_believed(self, path, origin):
        request = RequestFactory().get(path, REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="203.0.113.9")
        seen = []

        def view(request):
            request.resolver_match = resolve(path) if path != "/nowhere/" else None
            seen.append(ambient.source())

        ambient.ActorMiddleware(view)(request)
        assert seen == [(origin, "192.0.2.7")]
        assert ambient.source() == ("python", "")


class TestAppendOnly:
    @pytest.mark.parametrize(
        "change",
        [
            lambda entry: entry.save(),
            lambda entry: entry.delete(),
            lambda entry: HistoryEntry.objects.update(reason="x"),
            lambda entry: HistoryEntry.objects.filter(pk=entry.pk).delete(),
            lambda entry: HistoryEntry.objects.bulk_update([entry], ["reason"]),
            lambda entry: HistoryEntry.objects.update_or_create(pk=entry.pk, defaults={"reason": "x"}),
            lambda entry: HistoryEntry.objects.bulk_create(
                [entry], update_conflicts=True, update_fields=["reason"], unique_fields=["id"]
            ),
        ],
    )
    def test_models_refuse(self, change):
        workflow()
        with pytest.raises(Refused, match="stays as it was written"):
            change(newest())
        assert newest().reason is None

    def test_the_database_refuses_an_update(self):
        workflow()
        with pytest.raises(DatabaseError, match="stays as it was written"), transaction.atomic():
            sql("UPDATE workflows_historyentry SET actor_name = 'eve'")
        assert newest().actor_name == ""

    @pytest.mark.postgres
    def test_postgresql_refuses_a_delete_too(self):
        workflow()
        with pytest.raises(DatabaseError, match="stays as it was written"), transaction.atomic():
            sql("DELETE FROM workflows_historyentry")
        assert HistoryEntry.objects.count() == 1


class TestWhatIsKept:
    @pytest.mark.parametrize("reason", ["x" * 2001, "a\x00b", 7, "\ud800"])
    def test_a_reason_that_can_not_be_kept_is_refused_and_nothing_done(self, reason):
        row = workflow(enabled=True)
        with pytest.raises(Invalid) as refused:
            versions.disable(row, reason=reason)
        assert refused.value.field == "reason"
        row.refresh_from_db()
        assert row.enabled

    @pytest.mark.parametrize(
        ("reason", "kept"), [(None, None), ("", None), ("  ", None), (" ja ", "ja"), ("因为", "因为")]
    )
    def test_reasons(self, reason, kept):
        versions.enable(workflow(), reason=reason)
        assert newest().reason == kept

    @pytest.mark.parametrize(
        ("before", "after", "changes"),
        [
            ({"a": 1}, {"a": 2}, {"a": [1, 2]}),
            ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a.c": [2, None]}),
            ({"c": {"password": "x"}}, {"c": {"password": "y"}}, {"c.password": ["******", "******"]}),
            ({"c": {"password": "x"}}, {"c": {"password": "x"}}, {}),
            ({"c": {"api_key": "x"}}, {"c": {"api_key": ""}}, {"c.api_key": ["******", ""]}),
            ({"c": None}, {"c": {"secret": "x", "n": 1}}, {"c": [None, {"secret": "******", "n": 1}]}),
            ({}, {"c": {"max_tokens": 5}}, {"c": [None, {"max_tokens": 5}]}),
            (
                {"h": [{"name": "Authorization", "value": "Bearer x"}]},
                {"h": [{"name": "Authorization", "value": "Bearer y"}, {"name": "Accept", "value": "a/b"}]},
                {"h.0.value": ["******", "******"], "h.1": [None, {"name": "Accept", "value": "a/b"}]},
            ),
        ],
    )
    def test_changes_name_the_innermost_value_and_mask_secrets(self, before, after, changes):
        assert history.changed(before, after) == changes

    def test_size_is_bounded(self):
        row = workflow()
        many = {f"field{number}": [None, "x" * 10_000] for number in range(400)}
        history.record(Action.WORKFLOW_CHANGE, history.of_workflow(row), changes=many)
        kept = newest().changes
        assert len(kept) == history.MOST_FIELDS + 1
        assert kept[history.MORE] == [None, 400 - history.MOST_FIELDS]
        assert len(kept["field0"][1]) == history.LONGEST_VALUE + 1

    def test_long_titles_and_odd_values_fit(self):
        node = add_node(workflow(), type="condition", title="x" * 255, config=RIGHT)
        assert len(newest().title) == 255
        assert newest().title.endswith("…")
        history.record(
            Action.NODE_CHANGE, history.of_node(node, node.workflow), changes={"a": [float("nan"), "a\x00b"]}
        )
        assert newest().changes == {"a": [None, "ab"]}


def test_a_transaction_that_is_rolled_back_leaves_no_entry():
    with transaction.atomic():
        workflow()
        assert HistoryEntry.objects.exists()
        transaction.set_rollback(True)
    assert not HistoryEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "query",
    [
        lambda: HistoryEntry.objects.of_workflow("k"),
        lambda: HistoryEntry.objects.of_execution(7),
        lambda: HistoryEntry.objects.filter(object_kind="job", object_id=7),
    ],
    ids=["workflow", "execution", "job"],
)
def test_an_objects_history_is_found_by_an_index(query):
    entries = [
        HistoryEntry(at="2026-01-01T00:00:00Z", origin="api", action="execution.cancel", object_kind="execution",
                     object_id=number, title="t", workflow_key="k", execution=number)
        for number in range(3_000)
    ]  # fmt: skip
    HistoryEntry.objects.bulk_create(entries)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE workflows_historyentry" if connection.vendor == "mysql" else "ANALYZE")
        if connection.vendor == "mysql":
            cursor.fetchall()
    plan = query()[:50].explain()
    assert "history_" in plan, plan
