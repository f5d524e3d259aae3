from tests.pages import pages  # noqa: F401
from tests.people import unwatched  # noqa: F401
