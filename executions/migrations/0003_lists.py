"""The lists of runs: tags and search attributes in a table of their own, and each filter's index."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import workflows.fields

CHUNK = 1000


def note_tags(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The tags of the runs there are already."""
    alias = schema_editor.connection.alias
    attributes = apps.get_model("executions", "Attribute").objects.using(alias)
    tagged = apps.get_model("executions", "Execution").objects.using(alias).exclude(tags=[]).order_by("id")
    last = 0
    while chunk := list(tagged.filter(id__gt=last).values_list("id", "key", "tags")[:CHUNK]):
        attributes.bulk_create(
            attributes.model(execution_id=pk, key=key, name="", text=text)
            for pk, key, tags in chunk
            for text in dict.fromkeys(tag[:128] for tag in tags if isinstance(tag, str) and tag)
        )
        last = chunk[-1][0]


class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0002_autovacuum"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Attribute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", workflows.fields.ExactCharField(max_length=64)),
                ("name", workflows.fields.ExactCharField(max_length=64)),
                ("text", workflows.fields.SortedCharField(max_length=128)),
                ("number", models.FloatField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.RemoveIndex(
            model_name="execution",
            name="execution_parent",
        ),
        migrations.RemoveIndex(
            model_name="execution",
            name="execution_ended",
        ),
        migrations.RemoveIndex(
            model_name="job",
            name="job_latest",
        ),
        migrations.AlterField(
            model_name="execution",
            name="created_by",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="created by",
            ),
        ),
        migrations.AlterField(
            model_name="execution",
            name="event_key",
            field=workflows.fields.SortedCharField(blank=True, max_length=255, null=True, verbose_name="event key"),
        ),
        migrations.AlterField(
            model_name="execution",
            name="name",
            field=workflows.fields.SortedCharField(blank=True, max_length=128, null=True, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="execution",
            name="parent_execution",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="children",
                to="executions.execution",
                verbose_name="parent",
            ),
        ),
        migrations.AlterField(
            model_name="execution",
            name="rerun_of",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="reruns",
                to="executions.execution",
                verbose_name="rerun of",
            ),
        ),
        migrations.AlterField(
            model_name="execution",
            name="workflow",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="executions",
                to="workflows.workflow",
                verbose_name="workflow",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(fields=["type", "-id"], name="execution_type"),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("created_by__isnull", False)),
                fields=["created_by", "-id"],
                name="execution_creator",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(fields=["key", "status", "-id"], name="execution_key_status"),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(fields=["created_at", "id"], name="execution_created"),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("started_at__isnull", False)), fields=["started_at", "id"], name="execution_started"
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", False)), fields=["ended_at", "id"], name="execution_ended"
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("name__isnull", False)), fields=["name", "id"], name="execution_named"
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("parent_execution__isnull", False)),
                fields=["parent_execution", "-id"],
                name="execution_parent",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("created_by__isnull", False)),
                fields=["created_by", "key", "-id"],
                name="execution_creator_key",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("parent_execution__isnull", False)),
                fields=["parent_execution", "key", "-id"],
                name="execution_parent_key",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(fields=["key", "created_at", "id"], name="execution_key_created"),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("started_at__isnull", False)),
                fields=["key", "started_at", "id"],
                name="execution_key_started",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", False)),
                fields=["key", "ended_at", "id"],
                name="execution_key_ended",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["execution", "node", "-number"], name="job_latest"),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("status", 0)), fields=["node_key", "-execution"], name="job_waiting"
            ),
        ),
        migrations.AddField(
            model_name="attribute",
            name="execution",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="attributes",
                to="executions.execution",
            ),
        ),
        migrations.AddIndex(
            model_name="attribute",
            index=models.Index(fields=["name", "text", "-execution"], name="attribute_text"),
        ),
        migrations.AddIndex(
            model_name="attribute",
            index=models.Index(fields=["key", "name", "text", "-execution"], name="attribute_text_of_key"),
        ),
        migrations.AddIndex(
            model_name="attribute",
            index=models.Index(
                condition=models.Q(("number__isnull", False)),
                fields=["name", "number", "execution"],
                name="attribute_number",
            ),
        ),
        migrations.AddIndex(
            model_name="attribute",
            index=models.Index(
                condition=models.Q(("number__isnull", False)),
                fields=["key", "name", "number", "execution"],
                name="attribute_number_of_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="attribute",
            constraint=models.UniqueConstraint(fields=("execution", "name", "text"), name="attribute_once"),
        ),
        migrations.RunPython(note_tags, migrations.RunPython.noop),
    ]
