"""`manage.py demo`: everything of Sluice in one process, on a shop with data in it."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand

from config.demo import house, rows
from config.demo.definitions import make_workflows
from executions.models import Execution

LOGIN = "admin"
WAIT_SECONDS = 120
_LOOK_SECONDS = 0.25
_SAY_SECONDS = 2.0


class Command(BaseCommand):
    help = "Migrates, seeds and serves the demo: web, Celery worker and tick in the foreground, on loopback only."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="Port on 127.0.0.1 (default: 8000).")
        parser.add_argument("--data", help="Directory of the demo's data (default: $DATA, else ./demo-data).")

    def handle(self, *args: Any, port: int, data: str | None, **options: Any) -> None:
        if data is not None and Path(data).resolve() != settings.DATA_DIR:
            # Settings are read already: begin again, as the same process, with the directory where they look for it.
            os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "DATA": data})  # noqa: S606
        worker, web = None, None
        with house.stopping_on_signals():
            try:
                house.refuse_taken(port)
                self.prepare()
                worker = house.Worker()
                worker.start()
                self.place_orders()
                web = house.Web(port)
                web.start()
                self.greet(web.address)
                while True:
                    sleep(3600)
            except house.Stopped:
                self.say("Stopping.")
                house.leave(worker, web)

    def prepare(self) -> None:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        if not settings.SECRET_KEY_FILE.exists():
            settings.SECRET_KEY_FILE.touch(mode=0o600)
            settings.SECRET_KEY_FILE.write_text(settings.SECRET_KEY)
        self.say("Making the tables.")
        call_command("migrate", verbosity=0, interactive=False)
        user_model = get_user_model()
        if not user_model.objects.filter(username=LOGIN).exists():
            user_model.objects.create_superuser(LOGIN, "admin@example.com", LOGIN)
        if rows.make_shop():
            self.say("Filled the shop with customers and products.")
        if made := make_workflows():
            self.say(f"Made and enabled {made} workflows.")

    def place_orders(self) -> None:
        if placed := rows.place_orders():
            self.say(f"Placed {placed} orders; their workflows run now.")
            self.wait_for_runs()

    def wait_for_runs(self) -> None:
        """Until every execution has ended, with a line now and then; gives up after `WAIT_SECONDS` and says so."""
        began = said = monotonic()
        while left := Execution.objects.unended().count():
            now = monotonic()
            if now - began > WAIT_SECONDS:
                self.say(f"{left} executions still run after {WAIT_SECONDS} s; they go on while you look around.")
                return
            if now - said > _SAY_SECONDS:
                self.say(f"  {Execution.objects.ended().count()} executions have ended, {left} are on their way.")
                said = now
            sleep(_LOOK_SECONDS)
        self.say(f"All {Execution.objects.count()} executions have ended.")

    def greet(self, address: str) -> None:
        where = (
            settings.DATA_DIR if "sqlite" in settings.DATABASES["default"]["ENGINE"] else "the database of DATABASE_URL"
        )
        self.say(
            f"\nSluice is at {address}\n"
            f"  sign in as {LOGIN} with the password {LOGIN}\n"
            f"  executions: {address}admin/executions/execution/\n"
            f"  data: {where}\n"
            "Ctrl-C ends it."
        )

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
