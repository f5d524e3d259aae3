from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0014_counts")]

    operations = [
        migrations.RemoveIndex(model_name="execution", name="execution_key_created"),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(fields=["key", "created_at", "id", "status", "reason"], name="execution_key_created"),
        ),
    ]
