"""`manage.py sluice_hold`: keeps runs from starting, lets them go again, and lists what is held."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from executions.flow import holds
from executions.models import Hold
from workflows import ambient
from workflows.actions import Origin
from workflows.errors import SluiceError


class Command(BaseCommand):
    help = "Keeps executions queued: of a queue, of a workflow, or all. What has begun goes on. Without any: the list."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--queue", metavar="NAME", help="A queue.")
        what.add_argument("--workflow", metavar="WORKFLOW", help="A workflow, all its versions, by key or name.")
        what.add_argument("--all", action="store_true", help="Everything.")
        what.add_argument("--list", action="store_true", help="Only say what is held.")
        parser.add_argument("--release", action="store_true", help="Let it go again.")
        parser.add_argument("--reason", help="Kept in the history.")

    def handle(self, *args: Any, **options: Any) -> None:
        scope, target = _meant(options)
        if scope is None:
            if options["release"] or options["reason"]:
                raise CommandError("Say what: --queue, --workflow or --all.")
            self._list()
            return
        try:
            with ambient.coming_from(Origin.COMMAND, ""):
                if options["release"]:
                    row = holds.release(holds.of(scope, target).pk, reason=options["reason"])
                else:
                    row = holds.hold(scope, target, reason=options["reason"])
        except SluiceError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{'Released' if options['release'] else 'Held'}: {holds.title(row)}.")

    def _list(self) -> None:
        rows = list(holds.held())
        for row in rows:
            reason = f": {row.reason}" if row.reason else ""
            self.stdout.write(f"{holds.title(row)}, since {row.since:%Y-%m-%d %H:%M:%S} UTC{reason}")
        if not rows:
            self.stdout.write("Nothing is held.")


def _meant(options: dict[str, Any]) -> tuple[str | None, str]:
    if options["all"]:
        return Hold.Scope.ALL, ""
    if options["queue"] is not None:
        return Hold.Scope.QUEUE, options["queue"]
    if options["workflow"] is not None:
        return Hold.Scope.WORKFLOW, options["workflow"]
    return None, ""
