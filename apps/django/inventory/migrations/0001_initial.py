"""The table, as in ``apps/shared/schema.sql``."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Make it."""

    initial = True

    dependencies: ClassVar = []

    operations: ClassVar = [
        migrations.CreateModel(
            name="Asset",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("kind", models.CharField(max_length=16)),
                ("site", models.CharField(max_length=32)),
                ("value_cents", models.IntegerField()),
                ("moves", models.IntegerField()),
            ],
            options={"db_table": "asset"},
        ),
    ]
