"""The app of definitions."""

from pathlib import Path

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _


class WorkflowsConfig(AppConfig):
    name = "workflows"
    label = "workflows"
    verbose_name = _("Workflows")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        refuse_foreign(self)
        from workflows import checks  # noqa: F401  (registers the system checks)
        from workflows.instructions.builtin import register_builtin as register_instructions
        from workflows.triggers import listening
        from workflows.triggers.builtin import register_builtin as register_triggers

        register_instructions()
        register_triggers()
        listening.install()


def refuse_foreign(app: AppConfig) -> None:
    """`workflows` and `executions` are import names of other distributions too: says so at start, naming the file."""
    here = Path(__file__).resolve().parent.parent
    found = Path(app.path).resolve()
    if found.parent != here:
        raise ImproperlyConfigured(
            f"The app {app.name!r} was loaded from {found}, which is not part of django-sluice ({here}). "
            f"Remove or rename the other distribution or package of that name."
        )
