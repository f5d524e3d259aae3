"""`manage.py sluice_export`: definitions as a file, in NocoBase's form."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from workflows import transfer
from workflows.errors import Invalid
from workflows.listing.pages import as_id
from workflows.models import Workflow


class Command(BaseCommand):
    help = (
        "Writes workflows with their nodes as JSON, as NocoBase's API gives them; sluice_import reads it. "
        "Values of secrets are not in it: nodes name them as {{$env.NAME}}."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "workflows", nargs="*", metavar="WORKFLOW", help="Name, key or id; by name and key the current version."
        )
        parser.add_argument("--all", action="store_true", help="The current version of every workflow.")
        parser.add_argument("-o", "--output", metavar="FILE", help="Where to write to, else to standard output.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"] == bool(options["workflows"]):
            raise CommandError("Name workflows, or give --all.")
        if options["all"]:
            rows = list(Workflow.objects.current().order_by("pk"))
        else:
            rows = [_workflow(text) for text in options["workflows"]]
        text = transfer.dumped(transfer.exported(rows))
        if not options["output"]:
            self.stdout.write(text, ending="")
            return
        try:
            Path(options["output"]).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{options['output']} can't be written: {error.strerror}.") from error
        self.stdout.write(f"{len(rows)} written to {options['output']}.")


def _workflow(text: str) -> Workflow:
    try:
        pk = as_id(text)
    except Invalid:
        pk = None
    current = Workflow.objects.current()
    found = current.filter(name=text).first() or current.filter(key=text).first()
    if found is None and pk is not None:
        found = Workflow.objects.filter(pk=pk).first()
    if found is None:
        raise CommandError(f"There is no workflow {text!r}; give its name, its key or the id of a version.")
    return found
