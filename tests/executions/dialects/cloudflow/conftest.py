from collections.abc import Callable
from typing import Any

import pytest

from tests.executions.dialects.cloudflow.client import CloudFlow
from tests.people import boss, person, unwatched  # noqa: F401


@pytest.fixture
def cloud(db: None) -> CloudFlow:
    """A superuser's."""
    return CloudFlow(boss())


@pytest.fixture
def cloud_of(db: None) -> Callable[..., CloudFlow]:
    """`cloud_of("app.permission", ...)` is a member's; keyword arguments limit the key."""

    def make(*permissions: str, **limits: Any) -> CloudFlow:
        return CloudFlow(person(*permissions), **limits)

    return make
