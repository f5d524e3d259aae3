"""Clients of other makers against a server that listens: the server, the clients, and workflows for them to start."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.signals import request_finished
from django.db import connections

from config.demo import definitions
from executions import accesskeys
from executions.store.side import close_side
from tests.clients import pypi
from tests.people import boss
from workflows import versions
from workflows.models import Workflow


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, live_server: Any) -> Iterator[Any]:
    """Its threads end with their requests, and so must their connections."""
    monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", 0)

    def close(**_signal: Any) -> None:
        close_side()

    request_finished.connect(close)
    yield live_server
    request_finished.disconnect(close)


@dataclass(frozen=True)
class CloudServer:
    #: http://host:port, without a slash at its end.
    url: str

    @property
    def address(self) -> str:
        """host:port."""
        return urlsplit(self.url).netloc


@pytest.fixture
def cloud_server(server: Any) -> CloudServer:
    return CloudServer(server.url)


@dataclass(frozen=True)
class Demo:
    """Two of the demo's workflows, and an access key of a superuser for all interfaces."""

    user: Any
    key: accesskeys.NewKey
    #: Ends by itself within a second; gives 42.
    quick: Workflow
    #: Waits an hour.
    slow: Workflow


@pytest.fixture
def demo_flows(transactional_db: None) -> Demo:
    user = boss()
    quick, slow = (versions.enable(make()) for make in (definitions.quick, definitions.slow))
    return Demo(user, accesskeys.create(user, name="A client"), quick, slow)


@pytest.fixture(scope="session")
def client_python() -> Path:
    try:
        return pypi.installed()
    except pypi.Absent as error:
        pytest.skip(f"the clients can't be installed from PyPI: {error}")


@pytest.fixture
def run_client(client_python: Path) -> pypi.Client:
    """`run_client(script, *arguments)`: the JSON lines that a script with the vendors' clients wrote; `pypi.run` has
    the options.
    """

    def run(script: Path, *arguments: object, **options: Any) -> list[Any]:
        return pypi.run([str(client_python), str(script), *map(str, arguments)], **options)

    return run
