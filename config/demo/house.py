"""Web server and Celery worker as threads of one process, and what ends them."""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from celery import signals
from celery.worker import WorkController
from celery.worker import state as worker_state
from django.core.management.base import CommandError
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

from config.celery import app
from workflows.conf import conf

HOST = "127.0.0.1"
WORKER_THREADS = 4
#: Celery takes up to five to stop. Who is still at work after these is left behind, which costs no run.
STOP_SECONDS = 3.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked for the end. No `Exception`: nothing between here and the command may swallow it."""


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Inside, the first SIGINT, SIGTERM or SIGHUP raises `Stopped` in the main thread; later ones change nothing."""

    def stop(*_: Any) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def refuse_taken(port: int) -> None:
    """Raises `CommandError` if another program listens on the port: said before seeding, not after."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} can't be used ({error.strerror}). Choose another: make demo PORT=8001"
            ) from error


class _Controller(WorkController):
    """Says that it begins, as `celery worker` does: that is what the engine's tick waits for."""

    def on_before_init(self, **options: Any) -> None:
        signals.celeryd_init.send(sender=self.hostname, instance=self, conf=self.app.conf, options=options)


class Worker:
    """A Celery worker on the queues of the engine; its tasks run in threads of this process."""

    def __init__(self) -> None:
        queue = conf().QUEUE
        self._controller = _Controller(
            app=app,
            pool="threads",
            concurrency=WORKER_THREADS,
            queues=[queue, f"{queue}-perform"],
            hostname=f"demo-{os.getpid()}@{socket.gethostname()}",
            loglevel=logging.WARNING,
            without_mingle=True,
            without_gossip=True,
        )
        self._thread = threading.Thread(target=self._controller.start, name="celery-worker", daemon=True)

    def start(self) -> None:
        worker_state.should_stop = None
        self._thread.start()

    def ask_to_stop(self) -> None:
        # What Celery's own signal handler sets; the consumer's loop looks at it.
        worker_state.should_stop = 0

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)


class Web:
    """Django's threaded development server, without its reloader; static files are served by the middleware."""

    def __init__(self, port: int) -> None:
        self._server = ThreadedWSGIServer((HOST, port), WSGIRequestHandler)
        self._server.set_app(get_wsgi_application())
        self._thread = threading.Thread(target=self._server.serve_forever, name="web", daemon=True)
        self.address = f"http://{HOST}:{self._server.server_port}/"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def leave(worker: Worker | None, web: Web | None) -> None:
    """Ends both and then the process, in `STOP_SECONDS` at most, with exit code 0."""
    deadline = monotonic() + STOP_SECONDS
    if worker is not None:
        worker.ask_to_stop()
    if web is not None:
        web.stop()
    if worker is not None:
        worker.join(max(deadline - monotonic(), 0))
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: Python would wait for every thread of the pool, however long its step takes.
    os._exit(0)
