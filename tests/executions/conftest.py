"""Connections of the engine's own are closed with each test; `store` is each of the two stores."""

from collections.abc import Iterator

import pytest

from executions.store.side import close_side
from tests.executions.stores import BOTH, Store
from workflows.triggers.listening import forget_classes


@pytest.fixture(autouse=True)
def _no_side_connection() -> Iterator[None]:
    forget_classes()
    yield
    close_side()


@pytest.fixture(params=BOTH)
def store(request: pytest.FixtureRequest) -> Store:
    return request.param()
