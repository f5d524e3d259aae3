"""Versions compared and gone back to, and a file looked at and imported, as a person does it."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.building import build
from workflows import editing, transfer, versions
from workflows.models import Node, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

SUM = ("calculation", {"engine": "math.js", "expression": "1 + 1"})
ASK = ("condition", {"engine": "math.js", "expression": "1 > 0", "rejectOnFalse": False}, {1: [SUM], 0: [SUM]})


def two() -> tuple[Workflow, Workflow]:
    """A version, and a later one in force that has a node changed, one moved, one gone and one more."""
    first = build([SUM, ASK, *[SUM] * 12], title="Order review", key="orders")
    for node in first.nodes.all():
        Node.objects.filter(pk=node.pk).update(title=f"Step {node.key}")
    second = versions.revise(first, description="Reworked", enabled=True)
    rows = {row.key: row for row in second.nodes.all()}
    editing.change_node(rows["n1"], config={"engine": "math.js", "expression": "2 + 2 * (3 + 4)"})
    editing.move_node(rows["n3"], upstream=rows["n1"])
    editing.remove_node(rows["n4"])
    editing.add_node(second, type="end", title="The end", upstream=rows["n16"])
    return first, second


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}])
def test_compare_and_go_back(visit: Any, axe: Any, shoot: Any, options: Any) -> None:
    first, second = two()
    page = visit(**options)
    page.goto(f"/admin/workflows/workflow/{second.pk}/change/")
    page.get_by_role("link", name="All versions").click()
    assert axe(page) == []
    page.get_by_label("Version 1 on the left").check()
    page.get_by_label("Version 2 on the right").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Compare the two chosen").press("Enter")
    for told in ("Nodes added: 1", "Nodes removed: 1", "Nodes changed: 1", "Nodes moved: 1", "2 + 2 * (3 + 4)"):
        expect(page.get_by_text(told).first).to_be_visible()
    folded = page.get_by_text("Step n9").first
    assert not folded.is_visible()
    page.locator("summary", has_text="nodes that are alike").press("Enter")
    assert folded.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert axe(page) == []
    shoot(page, "versions")
    page.get_by_role("link", name="Versions", exact=True).click()
    page.get_by_role("link", name="Go back to it").click()
    assert axe(page) == []
    page.get_by_role("button", name="Make the new version").click()
    page.get_by_text("Version 3 is version 1 again.").wait_for()
    third = Workflow.objects.get(key="orders", version=3)
    assert third.enabled
    assert not versions.compare(first, third)


def test_a_file_is_looked_at_and_imported(visit: Any, axe: Any, shoot: Any, tmp_path: Path) -> None:
    workflow, _second = two()
    records = transfer.exported([workflow])
    records[0]["nodes"][0]["title"] = "Renamed"
    wrong = {**records[0], "key": "wrong", "title": "Wrong", "type": "form"}
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(records))
    bad.write_text(json.dumps([wrong]))
    page = visit()
    page.goto("/admin/workflows/workflow/")
    page.get_by_role("link", name="Import").click()
    assert axe(page) == []
    page.get_by_label("File").set_input_files(bad)
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_text("There is no workflow type")).to_be_visible()
    assert page.get_by_role("button", name="Import one workflow").count() == 0
    page.get_by_role("link", name="Choose another file").click()
    page.get_by_label("File").set_input_files(good)
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_text("It becomes version 3")).to_be_visible()
    assert axe(page) == []
    shoot(page, "import")
    page.get_by_role("button", name="Import one workflow").click()
    page.get_by_text("Imported 1 workflow.").wait_for()
    assert Workflow.objects.get(key="orders", version=3).nodes.filter(title="Renamed").exists()
