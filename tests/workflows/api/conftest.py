from tests.api import client  # noqa: F401
