"""How many runs there are; on PostgreSQL a trigger writes down what is deleted, by whoever it is."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import workflows.fields

TABLE, NAME = "executions_execution", "sluice_run_counts"

# In the schema of the table, whatever path the session that deletes searches. A bucket has 1,000 ids
# (`executions.store.counts.BUCKET`).
FUNCTION = f"""
CREATE OR REPLACE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    EXECUTE format('DELETE FROM %I.executions_runcount', TG_TABLE_SCHEMA);
    EXECUTE format(
      'INSERT INTO %I.executions_countsmark (id, bucket, writers) VALUES (1, 0, %L) '
      'ON CONFLICT (id) DO UPDATE SET bucket = 0, until = NULL, writers = excluded.writers',
      TG_TABLE_SCHEMA, '[]'
    );
  ELSE
    EXECUTE format(
      'INSERT INTO %I.executions_runcount (workflow_id, key, bucket, n) '
      'SELECT COALESCE(workflow_id, 0), key, id / 1000, -COUNT(*) FROM gone GROUP BY workflow_id, key, id / 1000',
      TG_TABLE_SCHEMA
    );
  END IF;
  RETURN NULL;
END $$
"""
TRIGGERS = (
    f"CREATE TRIGGER {NAME} AFTER DELETE ON {TABLE} REFERENCING OLD TABLE AS gone"
    f" FOR EACH STATEMENT EXECUTE FUNCTION {NAME}()",
    f"CREATE TRIGGER {NAME}_truncated AFTER TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION {NAME}()",
)
# Where the counting begins.
MARK = "INSERT INTO executions_countsmark (id, bucket, writers) VALUES (1, 0, '[]')"
BACK = (f"DROP TRIGGER {NAME}_truncated ON {TABLE}", f"DROP TRIGGER {NAME} ON {TABLE}", f"DROP FUNCTION {NAME}()")


def watch(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for statement in (FUNCTION, *TRIGGERS, MARK):
            schema_editor.execute(statement, params=None)


def unwatch(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for statement in BACK:
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("executions", "0013_access_keys")]

    operations = [
        migrations.CreateModel(
            name="CountsMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("bucket", models.BigIntegerField(default=0)),
                ("until", models.BigIntegerField(null=True)),
                ("writers", models.JSONField(default=list)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="RunCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("workflow_id", models.BigIntegerField()),
                ("key", workflows.fields.ExactCharField(max_length=64)),
                ("bucket", models.BigIntegerField()),
                ("n", models.BigIntegerField()),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["key", "bucket"], name="run_count_key"),
                    models.Index(fields=["workflow_id", "bucket"], name="run_count_workflow"),
                    models.Index(fields=["bucket"], name="run_count_bucket"),
                ],
            },
        ),
        migrations.RunPython(watch, unwatch, hints={"model_name": "execution"}),
    ]
