"""Signing in and out, and who one is (spec nocobase-http 5)."""

from typing import Any

from django.contrib.auth import authenticate
from django.utils import translation
from django.utils.translation import gettext as _

from executions.dialects.nocobase import authentication
from executions.dialects.nocobase.errors import Denied
from executions.dialects.nocobase.records import wire
from executions.dialects.nocobase.resources.base import PUBLIC, Answer, Resource, action
from executions.dialects.nocobase.resources.people import email_of, nickname_of
from workflows import tokens
from workflows.api.throttling import Failures
from workflows.errors import Invalid

_LONGEST = 4096


class Auth(Resource):
    name = "auth"

    @action(PUBLIC, throttle="sign-in")
    def sign_in(self) -> Any:
        """A token for an account (user name or e-mail) and its password."""
        values = self.call.values
        account, password = values.get("account") or values.get("email"), values.get("password")
        for name, text in (("account", account), ("password", password)):
            if not isinstance(text, str) or not text or len(text) > _LONGEST:
                raise Invalid(_("Give your account and your password."), field=name)
        username = authentication.find_by_account(str(account))
        failures = Failures(self.call.request, username)
        failures.check()
        user = authenticate(self.call.request._request, username=username, password=password)
        if user is None:
            failures.note()
            raise Denied(_("The name or the password is wrong; try again."))
        return {"user": described(user), "token": authentication.issue(user)}

    @action(None, reads=True)
    def check(self) -> Any:
        roles = [{"name": name, "title": name} for name in authentication.roles_of(self.user)]
        return {**described(self.user), "roles": roles}

    @action(PUBLIC)
    def sign_out(self) -> Any:
        """Ends the token, and all of its sign-in; what has ended already is no error."""
        try:
            claims = authentication.claims_of(self.call.request, self.call.params)
        except Denied as error:
            if error.code == "EMPTY_TOKEN":
                raise
            return Answer({}, bare=True)
        tokens.revoke(claims, seconds=authentication.SESSION_SECONDS + authentication.SECONDS)
        return Answer({}, bare=True)


class Roles(Resource):
    name = "roles"

    @action(None, reads=True)
    def check(self) -> Any:
        roles = authentication.roles_of(self.user)
        builds = self.user.has_perm("workflows.change_workflow")
        data = {
            "role": self.call.request.headers.get("X-Role") or roles[0],
            "roles": roles,
            "roleMode": "default",
            "strategy": {},
            "actions": {},
            "snippets": ["pm.workflow.workflows"] if builds else [],
            "resources": [],
            "availableActions": ["create", "view", "update", "destroy"],
            "actionAlias": {"list": "view", "get": "view"},
            "allowAll": self.user.is_superuser,
            "allowConfigure": builds,
            "allowMenuItemIds": [],
            "allowAnonymous": False,
            "uiButtonSchemasBlacklist": [],
        }
        return Answer(data, {"dataSources": {}})


def described(user: Any) -> dict[str, Any]:
    """One's own record."""
    return {
        "id": wire(user.pk),
        "nickname": nickname_of(user),
        "username": user.get_username(),
        "email": email_of(user),
        "phone": None,
        "appLang": translation.get_language(),
        "systemSettings": {},
        "createdAt": wire(getattr(user, "date_joined", None)),
    }
