from tests.executions.dialects.clients import nocobase  # noqa: F401
from tests.people import unwatched  # noqa: F401
