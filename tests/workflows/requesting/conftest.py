"""Workflows of requests, over rows of the shop."""

from collections.abc import Callable
from typing import Any

import pytest

from config.shop.models import Customer, Order
from executions.store.side import close_side
from tests.building import build
from tests.people import unwatched  # noqa: F401  (used by every test here)
from workflows.models import Workflow
from workflows.triggers import listening

OUTPUT = ("output", {"value": "{{$context}}"})
WAIT = ("delay", {"unit": 3_600_000, "duration": 1})
FAIL = ("condition", {"engine": "math.js", "expression": "1 > 2", "rejectOnFalse": True})
END, REFUSE = ("end", {"endStatus": 1}), ("end", {"endStatus": -1})


def say(text: str) -> tuple[str, dict[str, Any]]:
    return ("response-message", {"message": text})


def create(model: str, **values: Any) -> tuple[str, dict[str, Any]]:
    return ("create", {"collection": model, "params": {"values": values}})


@pytest.fixture(autouse=True)
def _no_side_connection():
    listening.forget_classes()
    yield
    close_side()


@pytest.fixture
def on(db: None) -> Callable[..., Workflow]:
    """`on("action", steps, collection=...)`: an enabled workflow of requests, which this process knows."""

    def make(
        kind: str, steps: Any = (OUTPUT,), *, sync: bool = False, title: str = "A test", **config: Any
    ) -> Workflow:
        config = {"collection": "shop.Order", **config}
        workflow = build(steps, type=kind, sync=sync or kind == "request-interception", config=config, title=title)
        listening.refresh(force=True)
        return workflow

    return make


@pytest.fixture
def order(db: None) -> Order:
    return Order.objects.create(customer=Customer.objects.create(name="Ann", tier="gold"), total=10)
