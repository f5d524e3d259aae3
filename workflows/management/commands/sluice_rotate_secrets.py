"""`manage.py sluice_rotate_secrets`: after a new key was put first, encrypts all secrets with it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from workflows import secrets


class Command(BaseCommand):
    help = "Encrypts all secrets with the first key in force; afterwards the keys behind it may be removed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--list", action="store_true", help="Only names the secrets that no key opens.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            for name in secrets.unopenable():
                self.stdout.write(name)
            return
        done, unopened = secrets.rotate()
        self.stdout.write(f"{done} encrypted with the first key.")
        if unopened:
            raise CommandError(
                f"No key opens {', '.join(unopened)}: enter these values again, make other access keys, or add the key "
                'they were kept with to SLUICE["SECRET_KEYS"].'
            )
