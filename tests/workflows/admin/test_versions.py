"""The versions of a workflow: listed with their counts, compared side by side, enabled, and gone back to."""

import re
from typing import Any

import pytest

from tests.pages import words
from tests.workflows.kinds import outline, plant, spare
from tests.workflows.versioning import count, freeze, state
from workflows import versions
from workflows.editing import add_node, move_node, remove_node
from workflows.models import HistoryEntry, Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]

VERSIONS, COMPARE, BACK = "workflows_workflow_versions", "workflows_workflow_compare", "workflows_workflow_back"


def two() -> tuple[Workflow, Workflow]:
    """A version, enabled, and another: with a node more, one less, one changed and one moved."""
    first = spare(title="Orders", config={"every": 1}, enabled=True)
    nodes = plant(first, "a FORK(0: b; 1: c) d e")
    freeze(first)
    count(first, 3, 4)
    second = versions.revise(first, title="Orders 2")
    rows = {row.title: row for row in second.nodes.all()}
    second.nodes.filter(title="a").update(config={"amount": 5})
    remove_node(rows["c"])
    move_node(rows["b"], upstream=rows["a"])
    add_node(second, type="t-plain", title="f", upstream=rows["d"])
    assert outline(second) == "a b FORK d f e"
    assert len(nodes) == 6
    return first, second


def test_versions_are_listed_with_who_when_and_how_often(pages: Any) -> None:
    first, second = two()
    page = pages()
    rows = re.findall(r"<tr>(.*?)</tr>", page.get(VERSIONS, second.pk), re.S)
    [newer, older] = [words(row) for row in rows if "sluice-choose" in row]
    assert "Enable" in newer
    assert "Go back" in newer
    assert "Enabled Current Read-only 7" in older
    assert "Go back" not in older


def test_a_list_of_versions_takes_a_fixed_number_of_queries(pages: Any, django_assert_max_num_queries: Any) -> None:
    first, _second = two()
    for _each in range(4):
        versions.revise(first)
    page = pages()
    with django_assert_max_num_queries(8):
        page.get(VERSIONS, first.pk)


def test_two_are_compared_side_by_side(pages: Any, django_assert_max_num_queries: Any) -> None:
    first, second = two()
    page = pages()
    page.get(VERSIONS, first.pk, query=f"?a={second.pk}&b={first.pk}", status=302)
    assert page.answer.url.endswith(f"/workflow/{second.pk}/compare/{first.pk}/")
    with django_assert_max_num_queries(8):
        text = words(page.get(COMPARE, second.pk, first.pk))
    for told in (
        "Settings: 1", "Nodes added: 1", "Nodes removed: 1", "Nodes changed: 1", "Nodes moved: 1",
        'title "Orders" "Orders 2"', "config.amount not there 5", "added f", "removed c", "moved away b", "moved b",
        "it stood in “Branch 0” of “FORK”; it stands after “a”",
    ):  # fmt: skip
        assert told in text


def test_long_stretches_that_are_alike_are_folded(pages: Any) -> None:
    first = spare(config={"every": 1})
    plant(first, " ".join(f"n{number}" for number in range(30)))
    second = versions.revise(first)
    second.nodes.filter(title="n0").update(config={"amount": 1})
    text = words(pages().get(COMPARE, first.pk, second.pk))
    assert "25 nodes that are alike" in text
    assert "n15" in text
    alike = versions.revise(first)
    assert "The two versions are alike." in words(pages("workflows.view_workflow").get(COMPARE, first.pk, alike.pk))


def test_going_back_makes_a_new_version_of_the_old_one(pages: Any) -> None:
    first, second = two()
    versions.enable(second)
    page = pages()
    text = words(page.get(BACK, first.pk))
    assert "no version is lost" in text
    assert "Nodes added: 1" in text
    assert page.post(BACK, first.pk, enabled="on") == ["Version 3 is version 1 again."]
    third = Workflow.objects.get(key=first.key, version=3)
    assert state(first, second, third) == [(False, None), (False, None), (True, True)]
    assert outline(third) == outline(first)
    assert page.answer.url.endswith(f"/workflow/{third.pk}/change/")
    assert HistoryEntry.objects.filter(action="workflow.revise", workflow=third.pk, actor_name="boss").exists()


def test_going_back_may_leave_the_current_one_in_its_place(pages: Any) -> None:
    first, second = two()
    versions.enable(second)
    pages().post(BACK, first.pk)
    third = Workflow.objects.get(key=first.key, version=3)
    assert state(second, third) == [(True, True), (False, None)]


def test_who_may_only_add_makes_a_version_that_does_not_listen(pages: Any) -> None:
    first, second = two()
    page = pages("workflows.add_workflow")
    shown = page.get(BACK, second.pk)
    assert 'name="enabled"' not in shown
    assert "Nodes added" not in words(shown), "Whoever may not view workflows is not told what they hold."
    page.post(BACK, second.pk, enabled="on")
    assert state(first, Workflow.objects.get(version=3)) == [(True, True), (False, None)]


def test_what_is_refused_is_told(pages: Any) -> None:
    first, _second = two()
    Workflow.objects.filter(pk=first.pk).update(config={"every": "x"})
    assert "every" in pages().errors(BACK, first.pk, enabled="on")


@pytest.mark.parametrize(
    ("name", "permission"),
    [(VERSIONS, "view_workflow"), (BACK, "add_workflow")],
)
def test_each_page_needs_its_permission(pages: Any, name: str, permission: str) -> None:
    first, _second = two()
    pages("workflows.view_node").get(name, first.pk, status=403)


def test_hidden_versions_are_not_there(pages: Any, settings: Any) -> None:
    first, second = two()
    settings.SLUICE = {"VISIBLE": "tests.workflows.admin.test_versions.only_second"}
    page = pages("workflows.view_workflow", "workflows.add_workflow")
    page.get(VERSIONS, first.pk, status=404)
    page.get(BACK, first.pk, status=404)
    page.get(COMPARE, first.pk, second.pk, status=404)
    assert "Orders 2" in page.get(VERSIONS, second.pk)
    assert f"/{first.pk}/" not in page.get(VERSIONS, second.pk)


def only_second(user: Any) -> Any:
    from django.db.models import Q

    return Q(title="Orders 2")


def test_titles_and_values_are_never_markup(pages: Any) -> None:
    bad = "<script>alert(1)</script>"
    first = spare(title=bad, config={"every": 1}, enabled=True)
    plant(first, "a b")
    second = versions.revise(first, title=bad + bad)
    second.nodes.filter(title="a").update(title=bad, config={"writes": bad})
    page = pages()
    for name, args in ((VERSIONS, [first.pk]), (COMPARE, [first.pk, second.pk]), (BACK, [second.pk])):
        assert bad not in page.get(name, *args)


def test_what_stands_below_a_moved_node_moves_along(pages: Any) -> None:
    first = spare(config={"every": 1}, enabled=True)
    plant(first, "a b FORK(0: c) d")
    second = versions.revise(first)
    rows = {row.title: row for row in second.nodes.all()}
    move_node(rows["FORK"], upstream=rows["a"])
    assert outline(second) == "a FORK(0: c) b d"
    page = pages().get(COMPARE, first.pk, second.pk)
    states = [state for state in re.findall(r"sluice-side-row sluice-side-(\w+)", page) if state != "heads"]
    # a; FORK and c where they stand; b; FORK and c where they stood; d.
    assert states == ["same", "moved", "moved", "same", "moved", "moved", "same"]
    assert words(page).count("Nodes moved: 1") == 1
