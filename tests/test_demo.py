"""`manage.py demo` as a person starts it: from an empty directory to pages that show finished runs, and to its end."""

import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings

pytestmark = [pytest.mark.once]

ROOT = Path(settings.BASE_DIR)
START_SECONDS = 120
#: SQLite has one writer, and a page may wait for it.
ANSWER_SECONDS = 60
STOP_SECONDS = 10


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Demo:
    """A running `manage.py demo`; `lines` grows with what it prints."""

    def __init__(self, data: Path) -> None:
        self.port = _free_port()
        self.data = data
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "DJANGO_SETTINGS_MODULE", "DATA")
        }
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--port", str(self.port), "--data", str(data)],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        #: What another process saw when the first page was served.
        self.at_first_sight: dict[str, Any] = {}
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def printed(self) -> str:
        return "".join(self.lines)

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while text not in self.printed:
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.1)

    def get(self, path: str) -> str:
        with self.browser.open(f"http://127.0.0.1:{self.port}{path}", timeout=ANSWER_SECONDS) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **fields: object) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(path))
        assert token is not None
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        with self.browser.open(f"http://127.0.0.1:{self.port}{path}", body, timeout=ANSWER_SECONDS) as answer:
            return str(answer.read().decode())

    def sign_in(self) -> None:
        self.post("/admin/login/", username="admin", password="admin", next="/admin/")

    def tell(self, code: str) -> Any:
        """What another process on the same data sees: runs code that prints JSON."""
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT,
            env={**self.environment, "DATA": str(self.data)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit code; fails if anything of the process is left."""
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        self.process.send_signal(number)
        code = self.process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        assert not [each for each in family if each.is_running()]
        return code

    def close(self) -> None:
        """Ends whatever a failed test left."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join(STOP_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "a directory of its own"


@pytest.fixture(scope="module")
def demo(data: Path) -> Iterator[Demo]:
    running = Demo(data)
    try:
        running.wait_for("Ctrl-C ends it.")
        running.at_first_sight = running.tell(_COUNTS)
        running.sign_in()
        yield running
        # Whatever the tests did: nothing that ran beside the pages may have stumbled either.
        assert "Traceback" not in running.printed, running.printed
    finally:
        running.close()


_COUNTS = """
import json
from django.db.models import Count
from config.shop.models import Order, PurchaseOrder, Review
from executions.models import Execution
from workflows.models import Workflow
print(json.dumps({
    "orders": Order.objects.count(),
    "cleared": Order.objects.filter(cleared=True).count(),
    "reviews": Review.objects.count(),
    "restocked twice": PurchaseOrder.objects.values("product").annotate(n=Count("id")).filter(n__gt=1).count(),
    "purchases": PurchaseOrder.objects.count(),
    "enabled": sorted(Workflow.objects.filter(enabled=True, current=True).values_list("name", "title")),
    "runs": list(Execution.objects.values_list("key", "status")),
    "unended": Execution.objects.filter(ended_at=None).count(),
    "failed": list(Execution.objects.filter(status__lt=0).values_list("title", "status", "error")[:5]),
}))
"""


def test_first_sight(demo: Demo) -> None:
    counts = demo.at_first_sight
    assert counts["orders"] == 40
    assert counts["unended"] == 0
    assert counts["failed"] == []
    assert len(counts["enabled"]) >= 6
    assert ["quick", "quick"] in counts["enabled"]
    assert ["slow", "slow"] in counts["enabled"]
    assert len(counts["runs"]) >= 120
    assert counts["cleared"] + counts["reviews"] == 40
    assert counts["reviews"] > 0
    assert counts["purchases"] > 0
    assert counts["restocked twice"] == 0


@pytest.mark.parametrize(
    ("path", "shows"),
    [
        ("/", "/admin/"),
        ("/healthz", "ok"),
        ("/shop/", "Espresso beans"),
        ("/static/shop/site.css", "--water"),
        ("/static/admin/css/base.css", "--primary"),
        ("/admin/", "Executions"),
        ("/admin/workflows/workflow/", "Big order review"),
        ("/admin/executions/execution/", "Order follow-up"),
        ("/admin/shop/order/", "cleared"),
        ("/api/v1/", "executions"),
        ("/api/v1/executions/", "Big order review"),
        ("/api/v1/workflows/", "quick"),
    ],
)
def test_pages(demo: Demo, path: str, shows: str) -> None:
    assert shows in demo.get(path)


@pytest.mark.parametrize(
    ("list_page", "shows"),
    [
        ("/admin/executions/execution/?q=order-follow-up", "Packing slip"),
        ("/admin/workflows/workflow/?q=order-follow-up", "Packing slip"),
        ("/admin/executions/execution/?q=customer-tier", "Bought so far"),
    ],
)
def test_a_row_of_a_list_opens(demo: Demo, list_page: str, shows: str) -> None:
    row = re.search(r'<th class="field-[^>]*><a href="([^"?]+)', demo.get(list_page))
    assert row is not None
    assert shows in demo.get(row[1])


def test_a_stranger_has_to_sign_in_to_order(demo: Demo) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}/shop/", timeout=ANSWER_SECONDS) as answer:
        assert "/admin/login/" in answer.url


def test_an_order_placed_on_the_page_is_followed_by_finished_runs(demo: Demo) -> None:
    before = demo.tell(_COUNTS)
    product = re.search(r'name="(product-\d+)"', demo.get("/shop/"))
    customer = re.search(r'<option value="(\d+)"', demo.get("/shop/"))
    assert product is not None
    assert customer is not None
    assert "is placed" in demo.post("/shop/", customer=customer[1], note="From a test", **{product[1]: 1})
    assert _ended(demo, more_than=len(before["runs"]) + 3)


def test_an_order_placed_by_another_command_runs_in_the_demo(demo: Demo) -> None:
    before = demo.tell(_COUNTS)
    demo.tell(
        "from config.shop.models import Customer, Product\n"
        "from config.shop.orders import place_order\n"
        "print(place_order(Customer.objects.first(), [(Product.objects.first(), 1)]).pk)"
    )
    assert _ended(demo, more_than=len(before["runs"]) + 3)


def _ended(demo: Demo, *, more_than: int) -> bool:
    """Whether there come to be so many runs, all of them ended."""
    for _ in range(30):
        counts = demo.tell(_COUNTS)
        if len(counts["runs"]) >= more_than and not counts["unended"]:
            return True
        time.sleep(0.5)
    return False


def test_a_taken_port_is_said_in_a_sentence(demo: Demo, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--port", str(demo.port), "--data", str(tmp_path)],
        cwd=ROOT,
        env=demo.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"Port {demo.port} can't be used" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_it_and_a_second_start_seeds_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: Path, demo: Demo, number: int
) -> None:
    """A copy of the seeded data, so that the running demo keeps its own."""
    copy = tmp_path_factory.mktemp("again")
    source, target = data / "sluice.sqlite3", copy / "sluice.sqlite3"
    demo.tell(f"import sqlite3; sqlite3.connect({str(source)!r}).backup(sqlite3.connect({str(target)!r})); print(1)")
    before = demo.tell(_COUNTS)
    again = Demo(copy)
    try:
        again.wait_for("Ctrl-C ends it.")
        assert "Placed" not in again.printed
        assert "Made and enabled" not in again.printed
        after = again.tell(_COUNTS)
        assert (after["orders"], after["enabled"]) == (before["orders"], before["enabled"])
        assert again.stop(number) == 0
    finally:
        again.close()
    assert "Traceback" not in again.printed


def test_a_signal_during_the_seeding_ends_it_too(tmp_path: Path) -> None:
    early = Demo(tmp_path / "early")
    try:
        early.wait_for("Making the tables.")
        assert early.stop(signal.SIGINT) == 0
    finally:
        early.close()
    assert "Traceback" not in early.printed
