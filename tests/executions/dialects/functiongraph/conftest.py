from tests.executions.dialects.functiongraph.clients import graph  # noqa: F401
from tests.people import unwatched  # noqa: F401
