"""`manage.py revoke_access_key`: ends an access key at once and for good."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from executions import accesskeys
from executions.models import AccessKey
from executions.store import session
from workflows import ambient
from workflows.actions import Origin
from workflows.errors import SluiceError


class Command(BaseCommand):
    help = "Revokes an access key: whatever comes with it is refused from then on. There is no way back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("access_key_id", metavar="ACCESS_KEY_ID")
        parser.add_argument("--reason", help="Kept in the history.")

    def handle(self, *args: Any, **options: Any) -> None:
        named = options["access_key_id"]
        rows = AccessKey.objects.using(session.alias()).filter(access_key_id=named)
        row = rows.first() if accesskeys.is_id(named) else None
        if row is None:
            raise CommandError(f"There is no access key {named!r}; the list in the admin has their ids.")
        if row.revoked_at is not None:
            self.stdout.write(f"It was revoked before: {row}.")
            return
        try:
            with ambient.coming_from(Origin.COMMAND, ""):
                accesskeys.revoke(row, reason=options["reason"])
        except SluiceError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Revoked: {row}.")
