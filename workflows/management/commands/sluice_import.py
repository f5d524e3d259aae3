"""`manage.py sluice_import`: makes workflows of a file."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import ngettext

from workflows import ambient, transfer
from workflows.actions import Origin
from workflows.errors import SluiceError
from workflows.transfer import Item, Plan


class Command(BaseCommand):
    help = (
        "Makes workflows of a file of definitions, as sluice_export or NocoBase's API gives them, or in FDL or "
        "FunctionGraph's form: new ones, or new versions of those whose key, or in FDL whose name, is known. All of "
        "the file is imported, or nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="The file; - is standard input.")
        parser.add_argument("--dry-run", action="store_true", help="Only tells what would be done.")
        parser.add_argument(
            "--enable", action="store_true", help="Enables what was imported, but for what the file calls disabled."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        content = _content(options["file"])
        try:
            definitions = transfer.read(content)
            todo = transfer.plan(definitions, enable=options["enable"])
            self._tell(todo)
            if todo.errors:
                count = len(todo.errors)
                sentence = ngettext("Nothing was imported: %d error.", "Nothing was imported: %d errors.", count)
                raise CommandError(sentence % count)
            if options["dry_run"]:
                return
            with ambient.coming_from(Origin.COMMAND):
                _plan, made = transfer.perform(definitions, enable=options["enable"])
        except SluiceError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(made)} imported.")

    def _tell(self, todo: Plan) -> None:
        for item in todo.items:
            self.stdout.write(f"{item.definition.title}: {_said(item)}")
            for found in (*item.errors, *item.warnings):
                node = f" (“{found.node}”)" if found.node else ""
                kind = "error" if found.fatal else "warning"
                self.stdout.write(f"  {kind}: {found.place}{node}: {found.message}")


def _said(item: Item) -> str:
    text = str(item.state.label)
    if item.known is not None and item.state is transfer.State.UNCHANGED:
        return f"{text} (version {item.known.version})"
    if item.comparison is None:
        return text
    found = item.comparison
    changes = {
        "columns": len(found.columns), "nodes added": len(found.added), "removed": len(found.removed),
        "changed": len(found.changed), "moved": len(found.moved),
    }  # fmt: skip
    return f"{text} {item.version}: " + ", ".join(f"{name} {count}" for name, count in changes.items() if count)


def _content(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name} can't be read: {error.strerror}.") from error
