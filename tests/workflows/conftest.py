from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from tests.workflows.kinds import kinds
from workflows.models import Generation


@pytest.fixture
def registered() -> Iterator[None]:
    """The kinds made for tests are known."""
    with kinds():
        yield


@pytest.fixture
def user(db: None) -> Any:
    return get_user_model().objects.create_user("ann")


@pytest.fixture
def announced(db: None) -> Callable[[], bool]:
    """Whether, since it was last asked, other processes could see that what listens may have changed.

    The test's own transaction never commits, so this calls what stands to be called then.
    """
    called: list[Callable[[], object]] = []
    seen = 0

    def asked() -> bool:
        nonlocal seen
        for _, hook, *_ in list(connection.run_on_commit):
            if not any(hook is before for before in called):
                called.append(hook)
                hook()
        before, seen = seen, Generation.objects.values_list("number", flat=True).first() or 0
        return seen > before

    return asked
