"""A run as a person follows it: it turns green, the failing node is found and run again, and a task is answered."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from config.shop.models import Customer
from executions import operations, start
from executions.dashboard import totals
from executions.models import Execution, WorkerSeen
from executions.testing import drain
from tests.building import build
from tests.executions.rows import job, run

pytestmark = pytest.mark.django_db(transaction=True)

HOURS = ("delay", {"unit": 3_600_000, "duration": 1})
SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})


def address(execution):
    return f"/admin/executions/execution/{execution.pk}/change/"


def expect():
    from playwright.sync_api import expect

    return expect


def waiting(*steps, context=None):
    execution = start(build([*steps], title="Order follow-up"), context or {})
    drain()
    return Execution.objects.get(pk=execution.pk)


def test_a_run_by_hand_turns_green_while_one_looks(page, shoot, axe):
    workflow = build([SUM, ("loop", {"target": 3}, {0: [SUM]}), HOURS, SUM], title="Order follow-up")
    page.goto(f"/admin/executions/execution/run/{workflow.pk}/")
    page.get_by_role("button", name="Run now").click()
    cards = page.locator("#run-picture .sluice-card[data-card]")
    expect()(cards.nth(1)).to_contain_text("3 rounds")
    expect()(cards.nth(3)).to_contain_text("Pending")
    expect()(cards.nth(4)).to_have_class("sluice-card sluice-untouched")
    page.get_by_text("Context", exact=True).click()
    assert axe(page) == []
    operations.complete_job(Execution.objects.get().jobs.get(status=0, wait="timer").pk)
    drain()
    expect()(page.locator("#run-summary")).to_contain_text("Ended as Resolved")
    expect()(page.locator("#run-picture .sluice-tone-good")).to_have_count(5)
    # What was unfolded stays so, and the page asks no more.
    assert page.locator("#run-context").get_attribute("open") is not None
    assert page.locator("#run-look").get_attribute("hx-get") is None
    expect()(page.locator("#ask-pause")).to_have_count(0)
    shoot(page, "execution", full_page=True)


def test_the_failing_node_is_found_and_run_again_from_there(page, axe):
    find = ("query", {"collection": "shop.Customer", "failOnEmpty": True})
    execution = waiting(SUM, find, SUM)
    page.goto(address(execution))
    bad = page.locator("#run-picture .sluice-tone-bad")
    expect()(bad).to_have_count(1)
    bad.get_by_role("link").click()
    panel = page.get_by_role("dialog")
    expect()(panel).to_contain_text("Failed")
    assert axe(page) == []
    Customer.objects.create(name="Ada", email="ada@example.com")
    panel.get_by_role("link", name="Rerun from here").click()
    page.get_by_label("Reason").fill("there is a customer now")
    page.get_by_role("button", name="Rerun").click()
    expect()(page.locator(".messagelist")).to_contain_text(f"a rerun of #{execution.pk}")
    drain()
    expect()(page.locator("#run-picture .sluice-tone-good")).to_have_count(3)
    page.goto(f"/admin/executions/execution/{execution.pk}/history/")
    expect()(page.locator("#content")).to_contain_text("there is a customer now")


def test_a_pause_asks_why(page):
    execution = waiting(HOURS)
    page.goto(address(execution))
    page.locator("summary", has_text="Pause").click()
    page.get_by_label("Reason").fill("lunch")
    page.keyboard.press("Enter")
    expect()(page.locator("#run-summary")).to_contain_text("Paused since")
    expect()(page.get_by_text("Resume", exact=True).first).to_be_visible()


def test_values_are_searched_and_rounds_chosen_in_the_panel(page, axe):
    say = ("calculation", {"engine": "string", "expression": "round {{$scopes.n1.item.name}}"})
    context = {"data": [{"name": name} for name in ("Ada", "Bob", "Cid")]}
    execution = waiting(("loop", {"target": "{{$context.data}}"}, {0: [say]}), context=context)
    page.goto(address(execution))
    page.locator("#run-picture").get_by_role("link", name="calculation").click()
    panel = page.get_by_role("dialog")
    expect()(panel).to_contain_text("round Cid")
    panel.get_by_label("Round").fill("2")
    panel.get_by_role("button", name="Show", exact=True).click()
    expect()(panel).to_contain_text("round Bob")
    panel.get_by_role("link", name="Previous").click()
    expect()(panel).to_contain_text("round Ada")
    panel.get_by_role("searchbox").fill("ada")
    panel.get_by_role("button", name="Search").click()
    expect()(panel.locator("mark")).to_have_text("Ada")
    assert axe(page) == []
    # Without the drawer it is a page.
    page.goto(f"/admin/executions/execution/{execution.pk}/panel/?job=2")
    page.get_by_role("link", name="Next").click()
    expect()(page.locator("#content")).to_contain_text("round Bob")
    assert axe(page) == []


def test_nodes_are_reached_by_keys(page):
    page.goto(address(waiting(SUM, HOURS)))
    page.locator(".sluice-canvas").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name="delay")
    expect()(panel).to_contain_text("Pending")
    page.keyboard.press("Escape")
    expect()(panel).to_be_hidden()
    expect()(page.locator("#run-picture").get_by_role("link", name="delay")).to_be_focused()


def test_a_task_is_approved(page, shoot, axe):
    [person] = get_user_model().objects.all()
    execution = waiting(("approval", {"assignees": [person.pk], "title": "Approve order 7"}), SUM)
    page.goto("/admin/shop/customer/")
    expect()(page.locator(".sluice-open")).to_have_text("1")
    page.locator(".sluice-inbox").click()
    shoot(page, "inbox")
    assert axe(page) == []
    page.get_by_role("link", name="Approve order 7").click()
    page.get_by_label("Comment").fill("fine")
    assert axe(page) == []
    page.get_by_role("button", name="Approve").click()
    expect()(page.locator(".messagelist")).to_contain_text("is taken")
    expect()(page.locator(".sluice-open")).to_have_count(0)
    drain()
    page.goto(address(execution))
    expect()(page.locator("#run-summary")).to_contain_text("Ended as Resolved")


HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"


def test_nothing_that_users_store_is_run(page):
    workflow = build([SUM, HOURS], title=HOSTILE)
    workflow.nodes.update(title=HOSTILE)
    execution = run(workflow, status=0, context={HOSTILE: HOSTILE}, error=HOSTILE)
    node = workflow.nodes.order_by("id").first()
    job(
        execution, node=node, node_key=node.key, result={HOSTILE: [HOSTILE]}, log=HOSTILE, attempt=2,
        attempts=[{"number": 1, "status": -2, "message": HOSTILE}],
    )  # fmt: skip
    page.goto(address(execution))
    page.locator(".sluice-canvas a.sluice-card-title").first.click()
    expect()(page.get_by_role("dialog")).to_contain_text("onerror")
    with page.expect_response(lambda answer: "/live/" in answer.url and "run-summary" in answer.text()):
        Execution.objects.update(turn=9)
    assert page.title() != "taken"
    assert page.locator("img[src=x]").count() == 0


def happened():
    workflow = build([SUM, HOURS], title="Order follow-up")
    now = timezone.now()
    for index in range(60):
        end = now - timedelta(minutes=20 * index + 3)
        status = -2 if index % 7 == 0 else 1
        execution = run(workflow, status=status, ended_at=end, started_at=end - timedelta(seconds=index % 9))
        job(execution, status=status, started_at=end - timedelta(seconds=1), ended_at=end)
    run(workflow, status=None, due_at=now - timedelta(minutes=2))
    WorkerSeen.objects.create(name="worker-1:17", since=now, seen_at=now)
    for _ in range(2):
        totals.count_up(seconds=5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_dashboard_is_read_in_every_light_and_on_a_phone(visit, axe, shoot, scheme):
    happened()
    page = visit(color_scheme=scheme)
    page.goto("/admin/")
    page.get_by_role("link", name="Dashboard").click()
    expect()(page.locator(".sluice-tiles")).to_contain_text("Ended60")
    assert axe(page) == []
    shoot(page, f"dashboard-{scheme}", full_page=True)
    page.get_by_text("Both charts as a table").click()
    page.set_viewport_size({"width": 390, "height": 800})
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_run_is_followed_on_a_phone(visit, axe, scheme):
    execution = waiting(SUM, HOURS)
    page = visit(color_scheme=scheme, viewport={"width": 390, "height": 800}, has_touch=True)
    page.goto(address(execution))
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#run-picture").get_by_role("link", name="delay").tap()
    expect()(page.get_by_role("dialog")).to_contain_text("Pending")
    assert axe(page) == []
