import time
from types import SimpleNamespace

import pytest

from workflows.api import throttling


@pytest.fixture(autouse=True)
def _one_window(monkeypatch):
    """Calls and wrong passwords are counted in windows by the clock: a test must not straddle the end of one."""
    moment = time.time()
    monkeypatch.setattr(throttling, "time", SimpleNamespace(time=lambda: moment))
