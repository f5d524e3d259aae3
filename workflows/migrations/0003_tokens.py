"""Bearer tokens that were ended before their time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0002_history"),
    ]

    operations = [
        migrations.CreateModel(
            name="RevokedToken",
            fields=[
                ("token", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["expires_at"], name="revoked_token_expires")],
            },
        ),
    ]
