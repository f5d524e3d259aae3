"""Connections of the engine's own are closed with each test."""

from collections.abc import Iterator

import pytest

from executions.dispatcher import forget_classes
from executions.store.side import close_side


@pytest.fixture(autouse=True)
def _no_side_connection() -> Iterator[None]:
    forget_classes()
    yield
    close_side()
