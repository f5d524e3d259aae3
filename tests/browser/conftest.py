"""A person at a browser: Chromium against a live server, signed in, with everything it complains about a failure.

`page` is a superuser's page; `visit("app.permission", ...)` opens one of a member of staff. `axe(page)` finds faults of
accessibility, `shoot(page, "name")` keeps a picture in docs/pictures where SLUICE_PICTURES=1 asks for it.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests.people import boss, person

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = Path("/usr/bin/chromium")
AXE = ROOT / ".browser" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "docs" / "pictures"
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
#: Milliseconds that a busy machine may take to show what is waited for.
_PATIENCE = 30_000
#: Faults of these kinds fail a test.
_SERIOUS = ("serious", "critical")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Of a module only: while Playwright's loop runs, Django would refuse the database to tests outside of here."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[test]'")
    if not CHROMIUM.exists():
        pytest.skip(f"needs {CHROMIUM}: apt install chromium")
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    api.expect.set_options(timeout=_PATIENCE)
    try:
        with api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
            yield browser
            browser.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def visit(chromium: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """`visit()` opens a page of a superuser's, `visit("app.permission", ...)` that of a member of staff; further words
    (viewport, color_scheme, has_touch, locale ...) are the browser context's. Whatever the browser complains about,
    a broken policy above all, fails the test; `page.complaints` holds it, for a test that means to provoke one."""
    contexts, pages = [], []

    def open_page(*permissions: str, user: Any = None, **options: Any) -> Any:
        if user is None:
            user = person(*permissions) if permissions else boss()
        client = Client()
        client.force_login(user)
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": client.session.session_key, "url": live_server.url}
        context = chromium.new_context(base_url=live_server.url, **{"viewport": _DESK, **options})
        context.add_cookies([cookie])
        context.set_default_timeout(_PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: _heard(page, message))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("response", lambda answer: _answered(page, answer))
        pages.append(page)
        return page

    yield open_page
    complaints = [line for page in pages for line in page.complaints]
    for context in contexts:
        context.close()
    assert not complaints, complaints


_DESK = {"width": 1280, "height": 900}


def _answered(page: Any, answer: Any) -> None:
    if answer.status >= 500:
        page.complaints.append(f"{answer.status} {answer.url}")


def _heard(page: Any, message: Any) -> None:
    # What the server refuses is for the test to look at; the browser's note of it is no complaint.
    if message.type in ("error", "warning") and "the server responded with a status of 4" not in message.text:
        page.complaints.append(message.text)


@pytest.fixture
def page(visit: Callable[..., Any]) -> Any:
    return visit()


@pytest.fixture
def axe() -> Callable[..., list[str]]:
    """`axe(page)`: serious faults of accessibility, one line each; none is []."""
    if not AXE.exists():
        pytest.skip(f"needs axe-core: npm install --prefix {AXE.parents[2].name} axe-core")
    source = AXE.read_text()

    def look(page: Any, within: str = "#content") -> list[str]:
        # What stands around it (header, breadcrumbs) is the stock admin's.
        heard = len(page.complaints)
        # A click is done before the page that it leads to is there.
        page.wait_for_load_state()
        page.locator(within).wait_for()
        page.evaluate(source)
        # It reads style sheets by ways of its own unless told not to.
        options = "{resultTypes: ['violations'], preload: false}"
        found = page.evaluate(f"within => axe.run(within, {options})", within)
        del page.complaints[heard:]
        return [
            f"{fault['id']}: {node['target']} {node['failureSummary']}"
            for fault in found["violations"]
            if fault["impact"] in _SERIOUS
            for node in fault["nodes"]
        ]

    return look


@pytest.fixture
def shoot() -> Callable[..., None]:
    def keep(page: Any, name: str, **options: Any) -> None:
        # A test that goes by a phone too shows the page as a desk has it, unless it means the phone.
        wide = page.viewport_size == _DESK or name == "phone"
        if wide and os.environ.get("SLUICE_PICTURES") == "1":
            PICTURES.mkdir(exist_ok=True)
            # Hiding the caret takes an inline style, which the policy forbids.
            page.screenshot(path=PICTURES / f"{name}.png", caret="initial", **options)

    return keep
