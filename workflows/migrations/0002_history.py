"""The history, which the databases themselves keep from being changed."""

import logging

import django.db.models.deletion
from django.conf import settings
from django.db import OperationalError, migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import workflows.fields

TABLE, NAME = "workflows_historyentry", "sluice_history_stays"
SENTENCE = "History stays as it was written; entries can not be changed or deleted."

# Only PostgreSQL refuses DELETE too: elsewhere the flush between tests, a host's own as well, deletes row by row.
GUARDS = {
    "postgresql": (
        f"CREATE OR REPLACE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{SENTENCE}' USING ERRCODE = 'restrict_violation'; END $$",
        f"CREATE TRIGGER {NAME} BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION {NAME}()",
    ),
    "mysql": (
        f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {TABLE} FOR EACH ROW "  # noqa: S608
        f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{SENTENCE}'",
    ),
    "sqlite": (f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END",),
}
UNGUARDS = {
    "postgresql": (f"DROP TRIGGER {NAME} ON {TABLE}", f"DROP FUNCTION {NAME}()"),
    "mysql": (f"DROP TRIGGER IF EXISTS {NAME}",),
    "sqlite": (f"DROP TRIGGER IF EXISTS {NAME}",),
}


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in GUARDS.get(schema_editor.connection.vendor, ()):
        try:
            schema_editor.execute(statement, params=None)
        except OperationalError as error:
            if schema_editor.connection.vendor != "mysql":
                raise
            # With a binary log triggers are for SUPER only, unless log_bin_trust_function_creators is set.
            logging.getLogger("sluice.history").warning("The database lets no trigger guard the history: %s", error)


def unguard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in UNGUARDS.get(schema_editor.connection.vendor, ()):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="HistoryEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(verbose_name="at")),
                ("actor_name", models.CharField(blank=True, default="", max_length=255, verbose_name="user name")),
                ("origin", models.CharField(max_length=16, verbose_name="from")),
                ("address", models.CharField(blank=True, default="", max_length=64, verbose_name="address")),
                ("action", models.CharField(max_length=40, verbose_name="action")),
                ("object_kind", models.CharField(max_length=16, verbose_name="kind of object")),
                ("object_id", models.BigIntegerField(null=True, verbose_name="object id")),
                ("title", models.CharField(max_length=255, verbose_name="what it was")),
                ("workflow", models.BigIntegerField(null=True, verbose_name="workflow version")),
                (
                    "workflow_key",
                    workflows.fields.ExactCharField(max_length=64, null=True, verbose_name="workflow key"),
                ),
                ("node_key", workflows.fields.ExactCharField(max_length=64, null=True, verbose_name="node key")),
                ("execution", models.BigIntegerField(null=True, verbose_name="execution")),
                ("bulk", models.BigIntegerField(null=True, verbose_name="bulk operation")),
                ("reason", models.TextField(null=True, verbose_name="reason")),
                ("changes", models.JSONField(default=dict, verbose_name="changes")),
                (
                    "actor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "history entry",
                "verbose_name_plural": "history",
                "ordering": ["-id"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["workflow_key", "execution", "-id"], name="history_workflow"),
                    models.Index(fields=["execution", "-id"], name="history_execution"),
                    models.Index(fields=["actor", "-id"], name="history_actor"),
                    models.Index(fields=["object_kind", "object_id", "-id"], name="history_object"),
                    models.Index(fields=["at"], name="history_at"),
                ],
            },
        ),
        migrations.RunPython(guard, unguard, atomic=False, hints={"model_name": "historyentry"}),
    ]
