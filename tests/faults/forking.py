"""Processes that begin as copies of the test's own, so that they need no time to start."""

import os
import signal
import time
import traceback
import warnings
from collections.abc import Callable

from django.db import connections

from executions.store.side import close_side


class Forked:
    """Does `act` in a process of its own, with connections of its own, and ends with 0, or 1 for an exception."""

    def __init__(self, act: Callable[[], None]) -> None:
        # What is open would be shared.
        close_side()
        connections.close_all()
        with warnings.catch_warnings():
            # Threads of the test's process are not in its copy, and nothing that is done there waits for one.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        self._code: int | None = None
        if self.pid == 0:
            code = 1
            try:
                act()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)

    def poll(self) -> int | None:
        """Its exit code, -9 if it was killed; None while it lives."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def wait(self, timeout: float = 60) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
