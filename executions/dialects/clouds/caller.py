"""Who calls: the user of an access key, within what the key is limited to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from executions.models import Execution
from executions.models.keys import AccessKey
from workflows import ambient
from workflows.errors import Forbidden
from workflows.models import Workflow
from workflows.visibility import limit, visible, visible_rows


class Caller:
    def __init__(self, key: AccessKey) -> None:
        self.key = key
        self.user: Any = key.user
        if self.limited:
            # Whatever asks for this user's workflows then asks within the limit, checks of definitions among it.
            limit(self.user, key.workflows)

    def may(self, permission: str) -> bool:
        return bool(self.user.has_perm(permission))

    def require(self, permission: str) -> None:
        """Raises `Forbidden`."""
        if not self.may(permission):
            raise Forbidden(_("You need the permission %s for this.") % permission)

    @property
    def limited(self) -> bool:
        """Whether the key is for some workflows alone; such a key makes none."""
        return bool(self.key.workflows)

    def flows(self) -> QuerySet[Workflow]:
        """The current versions that this caller may see."""
        return visible(Workflow.objects.current(), self.user)

    def runs(self) -> QuerySet[Execution]:
        """The runs that this caller may see; in no order."""
        return visible_rows(Execution.objects.order_by(), self.user)

    @contextmanager
    def acting(self, origin: str, address: str = "") -> Iterator[None]:
        """What is done inside is done by this user, through this dialect."""
        with ambient.acting(self.user), ambient.coming_from(origin, address):
            yield
