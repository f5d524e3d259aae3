"""The app of runs."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExecutionsConfig(AppConfig):
    name = "executions"
    label = "executions"
    verbose_name = _("Executions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from workflows.apps import refuse_foreign

        refuse_foreign(self)
        from executions import bootstep, checks, dispatcher, wakeup  # noqa: F401
        from executions.applications import ending
        from executions.flow import enabling
        from executions.schedules import keeping, saves
        from executions.store import ends as run_ends
        from executions.watching import described, ends, overdue
        from workflows.triggers import base, execution

        base.connect(dispatcher.dispatch)
        run_ends.always(ending.told)
        execution.connect(ends.listen, described.describe)
        overdue.install()
        enabling.install()
        keeping.install()
        saves.install()
        bootstep.install()
