from tests.executions.dialects.nocobase.clients import nocobase  # noqa: F401
from tests.people import unwatched  # noqa: F401
