"""`manage.py sluice_recount`: has PostgreSQL's counts of runs made anew."""

from typing import Any

from django.core.management.base import BaseCommand

from executions.store import counts


class Command(BaseCommand):
    help = "Has all executions counted anew, after some were written past Sluice with ids of their own."

    def handle(self, *args: Any, **options: Any) -> None:
        counts.forget()
        self.stdout.write("Totals are right from now on; the workers' tick makes them fast again.")
