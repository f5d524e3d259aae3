from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from workflows import versions
from workflows.triggers import base


@dataclass
class Calls:
    """Stands in for the dispatcher: notes every call, and answers sync events with `status`."""

    calls: list[list[base.Event]] = field(default_factory=list)
    status: int | None = 1
    nothing: bool = False
    during: Any = None

    def __call__(self, events):
        self.calls.append(list(events))
        if self.during is not None:
            self.during(events)
        return [None if self.nothing else SimpleNamespace(id=1, status=self.status, output=None) for _ in events]

    @property
    def data(self) -> list[Any]:
        return [event.context["data"] for call in self.calls for event in call]

    @property
    def titles(self) -> list[list[str]]:
        return [[event.listener.title for event in call] for call in self.calls]


@pytest.fixture
def fired() -> Iterator[Calls]:
    """Connected where the executions app connects its dispatcher; `workflows` knows nothing of that app."""
    before, calls = base._dispatch, Calls()
    base.connect(calls)
    yield calls
    base.connect(before)


@pytest.fixture
def listen():
    """Saves an enabled workflow on a model's rows."""

    def make(collection="shop.Product", mode=3, title="w", sync=False, **config):
        return versions.create_workflow(
            type="collection",
            title=title,
            sync=sync,
            enabled=True,
            config={"collection": collection, "mode": mode, **config},
        )

    return make
