"""How long a thread's second connection stays open."""

import gc
from threading import Thread
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import connections

from executions.store.side import close_side, on_side

pytestmark = [pytest.mark.postgres, pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]


def opened() -> Any:
    """The driver's own connection."""
    with on_side() as db, db.cursor() as cursor:
        cursor.execute("SELECT 1")
        return db.connection


def is_open(raw: Any) -> bool:
    closed = getattr(raw, "closed", None)
    return bool(raw.open) if closed is None else not closed


@pytest.mark.parametrize(("seconds", "stays"), [(0, False), (600, True), (None, True)])
def test_after_a_request_it_stays_as_long_as_the_first(monkeypatch: Any, seconds: int | None, stays: bool) -> None:
    close_side()
    monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", seconds)
    raw = opened()
    request_finished.send(sender=None)
    assert is_open(raw) is stays
    close_side()
    assert not is_open(raw)


def test_a_thread_that_ends_leaves_none_open() -> None:
    found: list[Any] = []

    def work() -> None:
        found.append(opened())
        connections.close_all()

    thread = Thread(target=work)
    thread.start()
    thread.join()
    del thread
    gc.collect()
    assert not is_open(found[0])
