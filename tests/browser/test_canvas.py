"""The canvas as a person uses it, by mouse and by keys."""

import pytest
from playwright.sync_api import expect

from config.demo import definitions
from tests.people import person
from tests.workflows.kinds import outline
from workflows import editing, versions
from workflows.models import HistoryEntry, Node, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def address(workflow):
    return f"/admin/workflows/workflow/{workflow.pk}/change/"


def card(page, name):
    return page.get_by_role("link", name=name, exact=True)


def add(page, where):
    """Opens the palette at a place."""
    page.get_by_role("link", name=f"Add a node: {where}", exact=True).click()
    page.get_by_role("searchbox", name="Search").wait_for()


def done(page, said):
    """Waits until the drawer is closed and the page says what was done."""
    page.get_by_role("status").filter(has_text=said).wait_for()
    page.wait_for_selector("dialog:not([open])", state="attached")


def control(page, label, **options):
    return page.get_by_role("dialog").get_by_label(label, exact=True, **options)


def offered(page):
    """The variables offered while a template is typed."""
    return page.locator(".sluice-offer li")


def order_workflow():
    return versions.create_workflow(
        type="collection", title="Big order review", config={"collection": "shop.Order", "mode": 1}
    )


BUILT = "Total of its lines Over 2,000?(0: Mark it cleared; 1: Ask for a review)"


def test_the_demos_order_workflow_is_built_by_mouse(page, axe, shoot):
    workflow = order_workflow()
    page.goto(address(workflow))
    add(page, "At the start")
    page.get_by_role("searchbox", name="Search").fill("aggregate")
    assert page.locator(".sluice-palette li:visible").count() == 1
    assert axe(page) == []
    shoot(page, "palette")
    page.get_by_role("link", name="Aggregate rows").click()
    control(page, "Title:").fill("Total of its lines")
    control(page, "Collection").select_option("shop.Line")
    control(page, "Field to filter by").select_option("order_id")
    page.get_by_role("group", name="Filter").get_by_role("button", name="Add").click()
    value = row(page, 1).get_by_label("Value")
    value.press_sequentially("{{data.id")
    assert axe(page) == []
    shoot(page, "variables")
    offered(page).filter(has_text="{{$context.data.id}}").click()
    assert value.input_value() == "{{$context.data.id}}"
    page.locator("[name='config.params.field']").select_option("amount")
    control(page, "Aggregate").select_option(label="sum")
    page.get_by_role("button", name="Add node").click()
    done(page, "Added node “Total of its lines”.")
    expect(card(page, "Total of its lines")).to_be_focused()

    add(page, "After Total of its lines")
    page.get_by_role("link", name="Condition", exact=False).first.click()
    control(page, "Title:").fill("Over 2,000?")
    page.get_by_role("button", name="+ Condition").click()
    row(page, 1).get_by_label("Left").press_sequentially("{{total of its")
    offered(page).first.click()
    row(page, 1).get_by_label("Comparison").select_option(label="is greater than")
    row(page, 1).get_by_label("Right").fill("2000")
    page.get_by_role("button", name="Add node").click()
    done(page, "Added node “Over 2,000?”.")

    add(page, "First in Over 2,000?: If true")
    page.get_by_role("link", name="Create a row").click()
    control(page, "Title:").fill("Ask for a review")
    control(page, "Collection").select_option("shop.Review")
    set_value(page, "order_id", "Order", "{{$context.data.id}}")
    set_value(page, "reason", "Reason", "Large")
    page.get_by_role("button", name="Add node").click()
    done(page, "Added node “Ask for a review”.")

    add(page, "First in Over 2,000?: If false")
    page.get_by_role("link", name="Change rows").click()
    control(page, "Title:").fill("Mark it cleared")
    control(page, "Collection").select_option("shop.Order")
    set_value(page, "cleared", "Cleared", "true")
    control(page, "Field to filter by").select_option("id")
    page.get_by_role("group", name="Filter").get_by_role("button", name="Add").click()
    row(page, 1).get_by_label("Value").fill("{{$context.data.id}}")
    page.get_by_role("button", name="Add node").click()
    done(page, "Added node “Mark it cleared”.")
    assert outline(workflow) == BUILT
    versions.enable(workflow)
    page.reload()
    assert axe(page) == []
    shoot(page, "canvas", full_page=True)


def row(page, number):
    return page.get_by_role("group", name=f"Condition {number}", exact=True)


def set_value(page, key, label, text):
    """Sets one more field of the chosen model."""
    control(page, "Field to set").select_option(key)
    page.get_by_role("group", name="Values").get_by_role("button", name="Add").click()
    control(page, label).fill(text)


def test_a_workflow_is_built_by_keys_alone(page):
    """Arrows to the place, Enter, words to narrow the palette, Enter; then Tab through the form."""
    workflow = order_workflow()
    page.goto(address(workflow))
    page.get_by_role("region", name="The workflow's nodes").focus()
    press(page, "ArrowDown", "ArrowDown")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Add a node: At the start"
    press(page, "Enter")
    page.get_by_role("searchbox", name="Search").wait_for()
    page.keyboard.type("output")
    press(page, "Enter")
    control(page, "Title:").wait_for()
    page.keyboard.type("The answer")
    press(page, "Tab")
    page.keyboard.type("{{context.data.i")
    offered(page).first.wait_for()
    press(page, "Enter")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Add node").focus()
    press(page, "Enter")
    done(page, "Added node “The answer”.")
    assert Node.objects.get().config == {"value": "{{$context.data.id}}"}

    # Another before it, which then moves behind it.
    press(page, "ArrowUp", "Enter")
    page.get_by_role("searchbox", name="Search").wait_for()
    page.keyboard.type("delay")
    press(page, "Enter")
    control(page, "Title:").wait_for()
    page.keyboard.type("A moment")
    press(page, "Enter")
    done(page, "Added node “A moment”.")
    assert outline(workflow) == "A moment The answer"
    press(page, "Tab", "Enter", "ArrowDown", "Enter")
    control(page, "Place:").select_option(label="After The answer")
    press(page, "Enter")
    page.get_by_role("button", name="Move node").focus()
    press(page, "Enter")
    done(page, "Moved node “A moment”.")
    assert outline(workflow) == "The answer A moment"


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def test_a_card_is_dragged_to_a_place_that_may_take_it_and_back_by_undo(page, shoot):
    workflow = definitions.order_follow_up()
    before = outline(workflow)
    page.goto(address(workflow))
    source = page.locator("[data-card]", has=card(page, "Give the customer two seconds"))
    box = source.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 12)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + 30, steps=4)
    page.wait_for_selector(".sluice-may")
    shoot(page, "dragging")
    nowhere = page.locator(f".sluice-place[data-place='{Node.objects.get(type='delay').pk}']")
    assert "sluice-may" not in nowhere.get_attribute("class")
    place = page.locator(f".sluice-place[data-place='{Node.objects.get(type='query').pk}']").bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2, steps=5)
    page.mouse.move(place["x"] + place["width"] / 2 + 2, place["y"] + place["height"] / 2)
    page.mouse.up()
    done(page, "Moved node “Give the customer two seconds”.")
    assert outline(workflow).startswith("Its lines Give the customer two seconds Pack and wait(")
    page.get_by_role("button", name="Undo").click()
    done(page, "Taken back: Moved node")
    assert outline(workflow) == before
    assert page.get_by_role("button", name="Undo").count() == 0
    assert HistoryEntry.objects.filter(action__in=("node.move", "node.undo")).count() == 2


def test_a_node_is_copied_and_deleted_with_a_branch_kept(page):
    workflow = definitions.big_order()
    page.goto(address(workflow))
    menu(page, "Over 2,000?", "Delete…")
    page.get_by_label("Keep those of “If true”").check()
    page.get_by_role("button", name="Delete node").click()
    done(page, "Deleted node “Over 2,000?”.")
    assert outline(workflow) == "Total of its lines Ask for a review"
    menu(page, "Total of its lines", "Copy…")
    control(page, "Place:").select_option(label="After Ask for a review")
    page.get_by_role("button", name="Copy node").click()
    done(page, "Copied node “Total of its lines”.")
    assert outline(workflow) == "Total of its lines Ask for a review Total of its lines"


def menu(page, name, act):
    page.get_by_label(f"Actions of {name}").click()
    page.get_by_role("link", name=act, exact=True).locator("visible=true").click()
    page.wait_for_selector("dialog[open] form")


def test_errors_stand_at_their_field_and_a_node_is_tried_as_it_is_typed(page, axe):
    workflow = definitions.quick()
    page.goto(address(workflow))
    card(page, "Six times seven").click()
    expression = control(page, "Expression")
    expression.fill("6 *")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.locator(".sluice-wrong").wait_for()
    assert expression.get_attribute("aria-invalid") == "true"
    assert expression.input_value() == "6 *"
    assert axe(page) == []
    expression.fill("6 * 8")
    page.get_by_role("dialog").get_by_role("button", name="Try…").click()
    page.locator("#sluice-try form").wait_for()
    page.locator("#sluice-try").get_by_role("button", name="Try", exact=True).click()
    page.locator("#sluice-trial").wait_for()
    assert "48" in page.locator("#sluice-trial").inner_text()
    assert Node.objects.get(type="calculation").config["expression"] == "6 * 7"
    expression.fill("6 * 9")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    done(page, "Saved node “Six times seven”.")
    assert Node.objects.get(type="calculation").config["expression"] == "6 * 9"


def test_whoever_edits_what_somebody_else_changed_is_told_and_may_go_on(page):
    workflow = definitions.quick()
    page.goto(address(workflow))
    card(page, "The answer").click()
    control(page, "Title:").fill("Mine")
    editing.change_node(Node.objects.get(type="output"), title="Theirs")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_text("Somebody changed this version since you opened it").first.wait_for()
    assert control(page, "Title:").input_value() == "Mine"
    page.locator("a.sluice-card-title", has_text="Theirs").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    done(page, "Saved node")
    assert Node.objects.get(type="output").title == "Mine"


def test_a_frozen_version_offers_revise_first(page, axe):
    workflow = definitions.quick()
    Workflow.objects.filter(pk=workflow.pk).update(frozen_at=workflow.created_at)
    page.goto(address(workflow))
    assert page.locator(".sluice-add, .sluice-menu, [draggable=true]").count() == 0
    card(page, "Six times seven").click()
    page.get_by_role("dialog").get_by_text("read-only").wait_for()
    assert page.get_by_role("dialog").get_by_role("button", name="Save").count() == 0
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Revise").click()
    page.wait_for_url("**/workflow/*/change/")
    page.locator(".sluice-add").first.wait_for()


def test_a_task_gets_its_people_its_form_and_its_buttons_by_mouse_and_by_keys(page, axe, shoot):
    person(username="ann", first_name="Ann", last_name="Ash")
    workflow = order_workflow()
    page.goto(address(workflow))
    add(page, "At the start")
    page.get_by_role("searchbox", name="Search").fill("task for people")
    page.keyboard.press("Enter")
    control(page, "Title:").fill("Look at it")
    page.get_by_role("button", name="+ Person").click()
    who = control(page, "Assignees 1")
    who.press_sequentially("an")
    expect(page.locator("datalist option")).to_have_text(["Ann Ash"])
    page.keyboard.type("n")
    # And one that a template names, by keys.
    page.get_by_role("button", name="+ Person").focus()
    press(page, "Enter")
    page.locator("[name='config.assignees.1']:focus").wait_for()
    page.keyboard.type("{{context.data.id")
    offered(page).first.wait_for()
    press(page, "Enter")
    page.get_by_role("button", name="+ Forms").click()
    form = page.get_by_role("group", name="Forms: form", exact=True)
    form.get_by_label("Key").fill("check")
    form.get_by_role("button", name="+ Fields").click()
    fields = page.get_by_role("group", name="Fields: 1", exact=True)
    page.locator("[name='config.forms.0.schema.0.name']:focus").wait_for()
    page.keyboard.type("why not")
    fields.get_by_label("Type").select_option(label="several lines of text")
    fields.get_by_label("Required").check()
    page.get_by_role("button", name="+ Buttons").click()
    page.locator("[name='config.forms.0.actions.0.key']").fill("ok")
    assert axe(page) == []
    page.get_by_role("button", name="Add node").click()
    wrong = page.locator("[name='config.forms.0.schema.0.name']")
    page.locator("[name='config.forms.0.schema.0.name'][aria-invalid]").wait_for()
    assert axe(page) == []
    wrong.fill("why")
    page.set_viewport_size({"width": 1280, "height": 1500})
    shoot(page, "people")
    page.get_by_role("button", name="Add node").click()
    done(page, "Added node “Look at it”.")
    assert Node.objects.get().config == {
        "assignees": ["ann", "{{$context.data.id}}"],
        "forms": {
            "check": {"schema": [{"name": "why", "type": "text", "required": True}], "actions": [{"key": "ok"}]},
        },
    }


HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{7*7}}'


def test_titles_and_configurations_are_text(page):
    workflow = versions.create_workflow(type="manual", title=HOSTILE)
    node = editing.add_node(workflow, type="output", title=HOSTILE, config={"value": HOSTILE.replace("{{7*7}}", "")})
    editing.add_node(workflow, type="multi-conditions", upstream=node, title="Cases", config={
        "conditions": [{"engine": "basic", "title": HOSTILE}]
    })  # fmt: skip
    page.goto(address(workflow))
    assert card(page, HOSTILE).inner_text() == HOSTILE
    card(page, HOSTILE).click()
    assert control(page, "Title:").input_value() == HOSTILE
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    done(page, "Saved node")
    add(page, f"After {HOSTILE}")
    page.keyboard.press("Escape")
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("dark", 390)])
def test_the_canvas_fits_dark_screens_and_phones(visit, axe, shoot, scheme, width):
    workflow = definitions.order_follow_up()
    page = visit(viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width < 500)
    page.goto(address(workflow))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []
    card(page, "Its lines").click()
    control(page, "Title:").wait_for()
    assert axe(page) == []
    if (scheme, width) == ("dark", 390):
        shoot(page, "phone")
    assert page.evaluate("document.getElementById('sluice-drawer').scrollWidth <= innerWidth")


def test_who_may_only_look_is_offered_nothing_to_do(visit):
    workflow = definitions.quick()
    page = visit(user=person("workflows.view_workflow", "workflows.view_node"))
    page.goto(address(workflow))
    assert page.locator(".sluice-add, .sluice-menu, [draggable=true]").count() == 0
    card(page, "The answer").click()
    page.get_by_role("dialog").get_by_text("You may look at this node").wait_for()


def test_what_was_typed_is_not_lost_by_a_slip(page):
    workflow = order_workflow()
    page.goto(address(workflow))
    add(page, "At the start")
    page.get_by_role("link", name="Delay").click()
    control(page, "Title:").fill("A moment")
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.keyboard.press("Escape")
    assert asked == ["Close this and lose what you typed?"]
    assert control(page, "Title:").input_value() == "A moment"
    page.once("dialog", lambda dialog: dialog.accept())
    page.mouse.click(10, 500)
    page.wait_for_selector("dialog:not([open])", state="attached")
    # Where nothing was typed nobody asks.
    add(page, "At the start")
    page.get_by_role("searchbox", name="Search").fill("no such thing")
    assert page.get_by_text("No node type has these words; try fewer.").is_visible()
    page.get_by_role("searchbox", name="Search").fill("")
    assert page.get_by_text("No node type has these words; try fewer.").is_hidden()
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog:not([open])", state="attached")
