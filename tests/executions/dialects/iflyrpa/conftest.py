from tests.executions.dialects.iflyrpa.clients import rpa  # noqa: F401
from tests.people import unwatched  # noqa: F401
