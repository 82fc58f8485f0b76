"""The table of the database workloads, the same as in ``apps/shared/schema.sql``."""

from django.db import models


class Asset(models.Model):
    """One asset; whoever inserts it gives its id."""

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=16)
    site = models.CharField(max_length=32)
    value_cents = models.IntegerField()
    moves = models.IntegerField()

    class Meta:
        """Under the name that the other apps use."""

        db_table = "asset"

    def __str__(self) -> str:
        """Name of the asset."""
        return self.name
