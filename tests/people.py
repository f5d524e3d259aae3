"""Users for tests, by the permissions they need."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.signals import request_started


def person(*permissions: str, **columns: Any) -> Any:
    """A member of staff with these permissions ("app.codename") and no others."""
    name = columns.pop("username", "someone")
    user = get_user_model().objects.create(username=name, is_staff=True, is_active=True, **columns)
    for permission in permissions:
        app, _dot, codename = permission.partition(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def boss() -> Any:
    return person(username="boss", is_superuser=True)


@pytest.fixture(autouse=True)
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests don't look whether definitions changed elsewhere: once a second that is a query more."""
    monkeypatch.setattr(request_started, "receivers", [])
    request_started.sender_receivers_cache.clear()
