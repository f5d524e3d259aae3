"""An access key is made, its values copied, looked at and revoked; on a desk and on a phone."""

from typing import Any

import pytest

from executions import accesskeys
from executions.models import AccessKey
from tests.building import build
from tests.people import person

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}
#: What a browser asks the person.
CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
def test_a_key_is_made_copied_looked_at_and_revoked(visit: Any, axe: Any, options: Any) -> None:
    daily = build([], title="Daily report", name="daily")
    build([], title="Orders", name="orders")
    person(username="mia")
    page = visit(**options, **CLIPBOARD)
    page.goto("/admin/executions/accesskey/add/")
    user = page.get_by_label("User:")
    user.fill("")
    user.press_sequentially("mi")
    page.locator("datalist option[value='mia']").wait_for(state="attached")
    user.fill("mia")
    page.get_by_label("Name:", exact=True).fill("Reports")
    page.get_by_label("CloudFlow").check()
    page.get_by_label("FunctionGraph").check()
    page.locator("#id_workflows_from").select_option(daily.key)
    page.locator("#id_workflows_add").click()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("button", name="Make the key").click()
    page.get_by_text("shown only once").wait_for()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    key = AccessKey.objects.get()
    assert (key.workflows, key.dialects) == ([daily.key], ["cloudflow", "functiongraph"])
    page.get_by_role("button", name="Copy: access_key_secret").click()
    # It says so once that is done.
    page.get_by_role("button", name="Copy: access_key_secret").get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == accesskeys.secret_of(key)
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_text("Daily report").wait_for()
    page.get_by_role("link", name="Reports").click()
    page.get_by_role("link", name="Revoke").wait_for()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("link", name="Revoke").click()
    page.get_by_label("Reason").fill("Mia has left")
    assert axe(page) == []
    page.get_by_role("button", name="Revoke").click()
    page.get_by_text("Revoked: Reports").wait_for()
    key.refresh_from_db()
    assert key.revoked_at is not None
