"""Holds in the admin, and on the pages of the workflows that they keep back."""

import pytest

from executions.flow import holds
from executions.models import Execution, Hold
from tests.building import build
from tests.executions.rows import run
from tests.pages import words

pytestmark = pytest.mark.django_db

LIST, ADD, RELEASE = "executions_hold_changelist", "executions_hold_add", "executions_hold_release"


def test_a_workflow_is_held_from_its_page_and_released_there(pages):
    boss = pages()
    workflow = build([], title="Daily", key="daily")
    page = boss.get("workflows_workflow_change", workflow.pk)
    assert "/executions/hold/add/?scope=workflow&amp;target=daily" in page
    form = boss.get(ADD, query="?scope=workflow&target=daily")
    assert 'value="daily"' in form
    boss.post(ADD, scope="workflow", target="daily", reason="A storm.")
    hold = Hold.objects.get()
    page = boss.get("workflows_workflow_change", workflow.pk)
    assert "Workflow Daily, since" in words(page)
    assert "A storm." in page
    assert "Workflow Daily" in words(boss.get(LIST))
    assert boss.post(RELEASE, hold.pk, reason="Over") == ["Released: Workflow Daily."]
    assert "0 holds" in words(boss.get(LIST))
    log = words(boss.get("workflows_historyentry_changelist", query="?action=hold.release"))
    assert "Hold: Released" in log
    assert "Over" in log


def test_whatever_keeps_a_workflow_back_is_said_on_its_page(pages):
    workflow = build([], title="Daily", options={"queue": "slow"})
    holds.hold("all")
    holds.hold("queue", "slow")
    holds.hold("queue", "quick")
    text = words(pages().get("workflows_workflow_change", workflow.pk))
    assert "Everything, since" in text
    assert "Queue slow, since" in text
    assert "Queue quick" not in text
    seen = words(pages("workflows.view_workflow").get("workflows_workflow_change", workflow.pk))
    assert "Everything, since" not in seen


def test_several_are_released_at_once(pages):
    rows = [holds.hold("queue", name) for name in ("slow", "quick")]
    done = pages().post(LIST, action="release_selected", _selected_action=[row.pk for row in rows])
    assert sorted(done) == ["Released: Queue quick.", "Released: Queue slow."]
    assert not holds.held().exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"scope": "queue", "target": ""}, "A queue's name has"),
        ({"scope": "workflow", "target": "nobody"}, "There is no workflow with the key or name"),
        ({"scope": "disabled", "target": "x"}, "Select a valid choice"),
        ({"scope": "all", "target": "", "reason": "x" * 2001}, "at most 2000"),
    ],
)
def test_bad_input_is_said_at_its_field(pages, data, said):
    assert said in pages().errors(ADD, **data)


def test_the_list_of_executions_says_why_and_filters_by_it(pages):
    kept = run(status=None, parked="disabled")
    other = run(status=None)
    page = pages().get("executions_execution_changelist", query="?parked=disabled")
    assert "Its workflow is disabled" in words(page)
    assert f"/execution/{kept.pk}/change/" in page
    assert f"/execution/{other.pk}/change/" not in page
    assert Execution.objects.count() == 2


def test_a_hold_is_called_by_the_title_of_its_workflow(pages):
    build([], title="Daily", key="k77")
    boss = pages()
    [made] = boss.post(ADD, scope="workflow", target="k77", reason="")
    hold = Hold.objects.get()
    for page in (boss.get("executions_hold_change", hold.pk), boss.get("executions_hold_history", hold.pk)):
        assert "Workflow Daily" in words(page)
        assert "k77" not in words(page)
    assert "Workflow Daily" in made
