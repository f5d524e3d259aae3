"""The History pages of the admin."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from executions import operations
from executions.dispatcher import start
from executions.models import Job
from tests.building import build
from tests.pages import Pages, words
from tests.people import boss, person
from workflows import versions
from workflows.admin import history
from workflows.editing import add_node, change_node
from workflows.models import HistoryEntry

pytestmark = pytest.mark.django_db

WAIT = ("delay", {"duration": 1, "unit": 3_600_000})
RIGHT = {"engine": "math.js", "expression": "1 == 1", "rejectOnFalse": False}


def test_a_workflows_page_tells_of_its_versions_and_nodes(pages):
    row = versions.create_workflow(type="manual", title="Discount")
    node = add_node(row, type="condition", title="<Large?>", config=RIGHT, by=boss())
    change_node(node, config={**RIGHT, "expression": "2 == 2"})
    versions.disable(versions.enable(row), reason="Costs too much.\nStop it.")
    twin = versions.revise(row)
    page = pages("workflows.view_workflow").get("workflows_workflow_history", row.pk)
    text = words(page)
    for said in (
        "Created", "Node added", "Discount (v1): <Large?>", "boss", "nobody signed in", "Python code",
        'config.expression : "1 == 1" → "2 == 2"', "Costs too much. Stop it.", "New version made",
        "version : 1 → 2",
    ):  # fmt: skip
        assert said in text, said
    assert text.index("New version made") < text.index("Disabled") < text.index("Node changed")
    other = Pages(person("workflows.view_workflow", username="other"))
    assert words(other.get("workflows_workflow_history", twin.pk)).count("Node added") == 1


def test_what_is_done_in_the_admin_stands_there_once_and_in_djangos_own_log(pages):
    row = versions.create_workflow(type="manual", title="Discount")
    admin = pages()
    admin.post("workflows_workflow_enable", row.pk)
    page = admin.get("workflows_workflow_history", row.pk)
    assert page.count("<strong>Enabled</strong>") == 1
    assert "Admin 127.0.0.1" in words(page)
    entry = HistoryEntry.objects.first()
    assert (entry.action, entry.actor_name, entry.origin) == ("workflow.enable", "boss", "admin")
    # The list of recent actions on the admin's first page is Django's, and goes on.
    assert LogEntry.objects.filter(object_id=str(row.pk)).count() == 1


def test_a_runs_and_a_jobs_page(pages):
    from executions.drain import drain_all

    execution = start(build([WAIT]), {})
    drain_all()
    operations.pause(execution.pk, reason="Wait.")
    operations.resume(execution.pk)
    job = Job.objects.get()
    operations.complete_job(job.pk, reason="By phone.")
    admin = pages("executions.view_execution", "executions.view_job")
    text = words(admin.get("executions_execution_history", execution.pk))
    assert all(said in text for said in ("Paused", "Wait.", "paused : false → true", "Resumed", "Job completed"))
    text = words(admin.get("executions_job_history", job.pk))
    assert "By phone." in text
    assert "Paused" not in text


def test_a_nodes_page_and_links_to_the_pages(pages):
    row = versions.create_workflow(type="manual", title="Discount")
    node = add_node(row, type="condition", title="Large?", config=RIGHT)
    admin = pages()
    assert "Node added" in words(admin.get("workflows_node_history", node.pk))
    execution = start(build([WAIT]), {})
    for name, pk in (
        ("workflows_workflow", row.pk), ("workflows_node", node.pk), ("executions_execution", execution.pk)
    ):  # fmt: skip
        assert reverse(f"admin:{name}_history", args=[pk]) in admin.get(f"{name}_change", pk)


def test_pages_hold_so_many_entries_the_newest_first(pages, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(history, "SHOWN", 2)
    row = versions.create_workflow(type="manual", title="T0")
    for number in range(1, 5):
        versions.change_workflow(row, title=f"T{number}")
    admin = pages()
    first = admin.get("workflows_workflow_history", row.pk)
    assert ("T4" in first, "T3 (v1)" in first, "T2 (v1)" in first) == (True, True, False)
    before = HistoryEntry.objects.all()[1].pk
    assert f"?before={before}" in first
    second = admin.get("workflows_workflow_history", row.pk, query=f"?before={before}")
    assert ("T3 (v1)" in second, "T2 (v1)" in second, "T1 (v1)" in second) == (False, True, True)
    assert "Newest" in second
    # A page costs as much as the object's own, and one query more.
    with django_assert_num_queries(5):
        admin.get("workflows_workflow_history", row.pk)


@pytest.mark.parametrize("query", ["?before=x", "?before=" + "9" * 40, "?before=²", "?before=-1"])
def test_an_odd_page_is_the_first(pages, query):
    row = versions.create_workflow(type="manual", title="Discount")
    assert "Created" in words(pages().get("workflows_workflow_history", row.pk, query=query))


def test_nothing_yet(pages):
    assert "Nobody has changed it yet." in words(pages().get("executions_execution_history", start(build([]), {}).pk))


@pytest.mark.parametrize(
    ("permissions", "status"),
    [(("workflows.view_workflow",), 200), (("executions.view_execution",), 403), ((None,), 302)],
)
def test_who_may_look(pages, permissions, status):
    row = versions.create_workflow(type="manual", title="Discount")
    pages(*permissions).get("workflows_workflow_history", row.pk, status=status)


@pytest.mark.parametrize("name", ["workflows_workflow", "workflows_node", "executions_execution", "executions_job"])
@pytest.mark.parametrize("pk", ["987654", "x"])
def test_an_object_that_is_none_leads_back(pages, name, pk):
    pages().get(f"{name}_history", pk, status=302)


class TestTheWholeLog:
    @pytest.fixture
    def row(self):
        row = versions.create_workflow(type="manual", title="Discount", by=person(username="ada"))
        versions.enable(row, reason="Spring.")
        operations.cancel(start(build([WAIT]), {}).pk)
        return row

    def test_is_listed_filtered_and_searched(self, pages, row, django_assert_max_num_queries):
        admin = pages("workflows.view_historyentry")
        with django_assert_max_num_queries(7):
            text = words(admin.get("workflows_historyentry_changelist"))
        assert text.index("Canceled A test #") < text.index("Enabled Discount (v1) Spring.") < text.index("ada")
        for query, shown in (
            ("?action=workflow.enable", ["Enabled"]),
            ("?origin=api", []),
            (f"?q={row.key}", ["Enabled", "Created"]),
            (f"?q=%23{HistoryEntry.objects.first().execution}", ["Canceled"]),
            ("?q=nothing", []),
            ("?q=" + "9" * 30, []),
        ):
            rows = admin.get("workflows_historyentry_changelist", query=query)
            found = [title for title in ("Canceled", "Enabled", "Created") if f">{title}</td>" in rows]
            assert found == shown, query

    def test_the_filter_of_actions_says_them_in_words(self, pages, row):
        text = words(pages().get("workflows_historyentry_changelist"))
        assert "Workflow: Enabled" in text
        assert "workflow.enable" not in text

    def test_an_entry_is_read_only_also_for_a_superuser(self, pages, row):
        admin, entry = pages(), HistoryEntry.objects.filter(action="workflow.enable").get()
        assert "Spring." in words(admin.get("workflows_historyentry_change", entry.pk))
        admin.get("workflows_historyentry_add", status=403)
        admin.post("workflows_historyentry_change", entry.pk, status=403, reason="Winter.")
        admin.post("workflows_historyentry_delete", entry.pk, status=403, post="yes")
        assert HistoryEntry.objects.get(pk=entry.pk).reason == "Spring."

    def test_needs_its_permission(self, pages, row):
        pages("workflows.view_workflow").get("workflows_historyentry_changelist", status=403)

    def test_a_user_who_is_in_it_can_be_deleted(self, pages, row):
        ada = HistoryEntry.objects.filter(actor_name="ada").first().actor
        pages().post("auth_user_delete", ada.pk, post="yes")
        assert not type(ada).objects.filter(pk=ada.pk).exists()
        assert HistoryEntry.objects.filter(actor_name="ada").exists()
