from tests.pages import pages  # noqa: F401
