from collections.abc import Iterator

import pytest

from tests.workflows.kinds import kinds


@pytest.fixture
def registered() -> Iterator[None]:
    """The kinds made for tests are known."""
    with kinds():
        yield
