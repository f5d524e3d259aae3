from tests.api import client  # noqa: F401
from tests.people import unwatched  # noqa: F401
