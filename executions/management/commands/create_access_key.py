"""`manage.py create_access_key`: a key for a user; its secrets are printed this once."""

import json
from argparse import ArgumentParser
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.debug import sensitive_variables

from executions import accesskeys
from executions.models import Dialect
from workflows import ambient
from workflows.actions import Origin
from workflows.errors import SluiceError

_MOST_DAYS = 36_500


class Command(BaseCommand):
    help = "Makes an access key for a user and prints its secrets; nobody can look them up later."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="The name that the user signs in with.")
        parser.add_argument("--name", default="", help="What the key is for.")
        parser.add_argument(
            "--dialect", action="append", default=[], choices=Dialect.values,
            help="An interface that takes the key; may be repeated; without it all do.",
        )  # fmt: skip
        parser.add_argument(
            "--workflow", action="append", default=[], metavar="WORKFLOW",
            help="A workflow that the key reaches, by key or name; may be repeated; without it all the user may see.",
        )  # fmt: skip
        parser.add_argument(
            "--expires", metavar="WHEN",
            help="A number of days, a date (2027-01-31, its first moment) or a moment (2027-01-31T12:00).",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="Print an object, for programs, and nothing else.")

    @sensitive_variables("made", "values")
    def handle(self, *args: Any, **options: Any) -> None:
        expires_at = None if options["expires"] is None else _moment(options["expires"])
        try:
            with ambient.coming_from(Origin.COMMAND, ""):
                made = accesskeys.create(
                    _user(options["user"]),
                    name=options["name"],
                    dialects=options["dialect"],
                    workflows=options["workflow"],
                    expires_at=expires_at,
                )
        except SluiceError as error:
            raise CommandError(str(error)) from None
        values = {
            "access_key_id": made.row.access_key_id,
            "access_key_secret": made.secret,
            "api_key": made.api_key,
            "project_id": made.row.project_id,
        }
        if options["json"]:
            self.stdout.write(json.dumps(values, indent=2))
            return
        self.stdout.write(f"Made the access key {made.row} of {options['user']}.")
        self.stdout.write("Keep these now; the secret and the API key are shown this once:\n\n")
        for name, value in values.items():
            self.stdout.write(f"  {name:<18} {value}")
        if expires_at is not None:
            self.stdout.write(f"\nIt expires at {timezone.localtime(expires_at):%Y-%m-%d %H:%M %Z}.")


def _user(name: str) -> Any:
    users: Any = get_user_model()
    try:
        return users._default_manager.get_by_natural_key(name)
    except users.DoesNotExist:
        raise CommandError(f"There is no user {name!r}; give the name that the user signs in with.") from None


def _moment(text: str) -> datetime:
    """In the project's time zone unless it names one."""
    try:
        if text.isascii() and text.isdecimal() and len(text) < 6 and int(text) <= _MOST_DAYS:
            return timezone.now() + timedelta(days=int(text))
        day = parse_date(text)
        found = datetime.combine(day, time()) if day is not None else parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"{text!r} is no moment; give a number of days, a date (2027-01-31) or 2027-01-31T12:00.")
    return timezone.make_aware(found) if timezone.is_naive(found) else found
