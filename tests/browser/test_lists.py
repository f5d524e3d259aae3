"""The list of executions filtered, the filter saved, all it finds deleted in the background; a workflow run by hand."""

from typing import Any

import pytest
from playwright.sync_api import expect

from config.shop.models import Customer
from executions import bulk
from executions.models import BulkOperation, Execution
from tests.building import build
from tests.executions.rows import run

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}


def test_a_filter_is_saved_and_all_it_finds_is_deleted_while_one_watches(
    visit: Any, axe: Any, shoot: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("executions.admin.bulk.MOST", 2)
    monkeypatch.setattr("executions.admin.executions.ExecutionAdmin.list_per_page", 3)
    for number in range(6):
        run(status=-2, error="The shop is shut.", name=f"order-{number}")
    kept = run()
    page = visit()
    page.goto("/admin/executions/execution/")
    page.get_by_label("Error", exact=True).check()
    page.get_by_label("Running longer than").press("Enter")
    page.locator("summary", has_text="Save this filter").press("Enter")
    page.get_by_label("Name:", exact=True).fill("Failed")
    page.get_by_label("For everybody").check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved the filter “Failed”.").wait_for()
    page.goto("/admin/executions/execution/")
    page.get_by_role("link", name="Failed for everybody").click()
    assert page.get_by_role("link", name="Failed for everybody").get_attribute("aria-current") == "page"
    # The search box is the stock admin's.
    assert axe(page, ".sluice-saved") == axe(page, "#changelist-filter") == []
    shoot(page, "executions")
    page.locator("#action-toggle").check()
    page.get_by_text("Select all 6 executions").click()
    page.get_by_label("Action:").select_option("Delete")
    page.get_by_role("button", name="Go", exact=True).click()
    page.get_by_label("Reason").fill("Noise")
    assert axe(page) == []
    page.get_by_role("button", name="Yes, begin").click()
    page.get_by_text("0 of 6").wait_for()
    assert axe(page) == []
    operation = BulkOperation.objects.get()
    while bulk.due(operation.queue):
        bulk.work(operation.queue, seconds=0.01)
    page.get_by_text("6 of 6").wait_for()
    page.get_by_text("Done", exact=True).wait_for()
    expect(page.get_by_role("button", name="Stop it")).to_have_count(0)
    shoot(page, "bulk")
    assert list(Execution.objects.all()) == [kept]


@pytest.mark.parametrize("options", [{}, PHONE])
def test_a_workflow_is_run_by_hand_for_a_row(visit: Any, axe: Any, shoot: Any, options: Any) -> None:
    on_customer = {"collection": "shop.Customer", "mode": 1}
    workflow = build([("output", {"value": "{{$context.data.name}}"})], type="collection", config=on_customer)
    for name in ("Ada", "Eve", "Bob"):
        Customer.objects.create(name=name, tier="gold")
    eve = Customer.objects.get(name="Eve")
    page = visit(**options)
    page.goto(f"/admin/workflows/workflow/{workflow.pk}/versions/")
    page.get_by_role("link", name="Run now").click()
    chooser = page.get_by_label("Customer")
    chooser.press_sequentially("Ev")
    page.locator(f"datalist option[value='{eve.pk}']").wait_for(state="attached")
    expect(page.locator("datalist option")).to_have_count(1)
    chooser.fill(str(eve.pk))
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    shoot(page, "run")
    page.get_by_role("button", name="Run now").click()
    page.get_by_text("Ran “A test (v1)” as").wait_for()
    assert Execution.objects.get().context["data"]["name"] == "Eve"
