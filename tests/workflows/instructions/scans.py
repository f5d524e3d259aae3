"""A model with files, over a table that is there: the name of a product is the name of a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from django.db import models

from config.shop.models import Product


@contextmanager
def scans() -> Iterator[type[models.Model]]:
    """`shop.Scan`, with a storage of its own; allow it in SLUICE["MODELS"], as it has no table of its own."""

    class Scan(models.Model):
        file = models.FileField(storage=InMemoryStorage(), db_column="name")

        class Meta:
            app_label = "shop"
            managed = False
            db_table = Product._meta.db_table

        def __str__(self) -> str:
            return self.file.name

    try:
        yield Scan
    finally:
        apps.all_models["shop"].pop("scan")
        apps.clear_cache()


def save_file(model: Any, name: str, content: bytes) -> int:
    """Answers the id of the row that has it."""
    field = model._meta.get_field("file")
    return Product.objects.create(name=field.storage.save(name, ContentFile(content)), price=1).pk
