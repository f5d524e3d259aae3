"""`manage.py sluice_roles`: the groups "Sluice viewer", "Sluice operator" and "Sluice editor", each with its role."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import Q

from executions.roles import ROLES


class Command(BaseCommand):
    help = "Makes a group of each of Sluice's roles, or gives it its permissions again; other groups stay as they are."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        for role, permissions in ROLES.items():
            group, made = Group.objects.get_or_create(name=f"Sluice {role}")
            group.permissions.set(_rows(permissions))
            self.stdout.write(f"{group.name}: {'made' if made else 'renewed'}, {len(permissions)} permissions.")


def _rows(permissions: frozenset[str]) -> list[Permission]:
    wanted = Q()
    for permission in permissions:
        app, _dot, codename = permission.partition(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return list(Permission.objects.filter(wanted))
