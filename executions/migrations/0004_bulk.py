import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0003_lists"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkOperation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("cancel", "Cancel"),
                            ("pause", "Pause"),
                            ("resume", "Resume"),
                            ("rerun", "Rerun"),
                            ("delete", "Delete"),
                        ],
                        max_length=16,
                        verbose_name="action",
                    ),
                ),
                ("filter", models.JSONField(default=dict, verbose_name="filter")),
                ("reason", models.TextField(null=True, verbose_name="reason")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("error", models.TextField(null=True, verbose_name="error")),
                ("queue", models.CharField(max_length=40, verbose_name="queue")),
                ("due_at", models.DateTimeField(null=True, verbose_name="due at")),
                ("cursor", models.BigIntegerField(default=0)),
                ("upper", models.BigIntegerField(default=0)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("total", models.PositiveIntegerField(null=True, verbose_name="total")),
                ("done", models.PositiveIntegerField(default=0, verbose_name="done")),
                ("refused", models.PositiveIntegerField(default=0, verbose_name="refused")),
                ("failed", models.PositiveIntegerField(default=0, verbose_name="failed")),
                ("refusals", models.JSONField(default=list, verbose_name="refusals")),
                ("origin", models.CharField(max_length=16, verbose_name="from")),
                ("address", models.CharField(blank=True, default="", max_length=64, verbose_name="address")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("started_at", models.DateTimeField(null=True, verbose_name="started at")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended at")),
                (
                    "created_by",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="created by",
                    ),
                ),
            ],
            options={
                "verbose_name": "bulk operation",
                "verbose_name_plural": "bulk operations",
                "ordering": ["-id"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["queue", "due_at"], name="bulk_due"
                    ),
                    models.Index(fields=["created_by", "-id"], name="bulk_creator"),
                ],
            },
        ),
    ]
