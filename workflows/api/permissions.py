"""Who may do what: Django's model permissions and the custom ones, named action by action."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class ActionPermission(BasePermission):
    """The view's `permissions` maps each of its actions to the permission it needs; what is not named is refused."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        # OPTIONS tells how to ask; None is a method the route lacks, which is answered 405.
        if view.action in ("metadata", None):
            return True
        permission = view.permissions.get(view.action)
        if permission is None:
            return False
        self.message = lacking(permission)
        return request.user.has_perm(permission)


def lacking(permission: str) -> str:
    return _("For this you need the permission %s.") % permission
