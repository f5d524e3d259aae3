"""Secrets, encrypted, that templates name as `$env.NAME`."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import workflows.fields


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("workflows", "0003_tokens"),
    ]

    operations = [
        migrations.CreateModel(
            name="Secret",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    workflows.fields.ExactCharField(
                        help_text="Templates name it as {{$env.NAME}}; case-sensitive.",
                        max_length=64,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Za-z_][A-Za-z0-9_]{0,63}\\Z",
                                "Begin with a letter or _; then letters, digits and _, 64 at most.",
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                ("sealed", models.TextField(editable=False)),
                ("description", models.CharField(blank=True, default="", max_length=255, verbose_name="description")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
                (
                    "updated_by",
                    models.ForeignKey(
                        db_constraint=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="changed by",
                    ),
                ),
            ],
            options={"verbose_name": "secret", "verbose_name_plural": "secrets", "ordering": ["name"]},
        ),
    ]
