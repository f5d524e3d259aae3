"""The replay's ground: the records, what they must lead to, the enabled workflows, and a pair of workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from executions.store.side import close_side
from tests.northwind import expected, records
from tests.northwind.definitions import BIG_ORDER_REVIEW, CUSTOMER_TIER, RESTOCK, make
from tests.northwind.workers import Worker, empty_redis
from workflows.models import Workflow
from workflows.triggers.listening import forget_classes


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    forget_classes()
    yield
    close_side()


@pytest.fixture(scope="session")
def northwind(real_data: Path) -> records.Northwind:
    return records.read(real_data / "northwind")


@pytest.fixture(scope="session")
def must_be(northwind: records.Northwind) -> expected.Expected:
    return expected.compute(northwind)


@pytest.fixture
def workflows(transactional_db: None) -> dict[str, Workflow]:
    definitions = {"big order": BIG_ORDER_REVIEW, "restock": RESTOCK, "customer tier": CUSTOMER_TIER}
    return {name: make(definition) for name, definition in definitions.items()}


@pytest.fixture
def two_workers(transactional_db: None, tmp_path: Path) -> Iterator[list[Worker]]:
    """Ready to work; what a test did not end is ended."""
    empty_redis()
    workers: list[Worker] = []
    try:
        for name in ("one", "two"):
            workers.append(Worker(f"{name}@northwind", tmp_path / f"{name}.log"))
        for worker in workers:
            worker.wait_until_ready()
        yield workers
    finally:
        for worker in workers:
            worker.stop()
        empty_redis()
