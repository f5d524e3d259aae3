"""The one place that knows whether the extra `openapi` is installed: without it the API is the same, undescribed."""

from importlib.util import find_spec
from typing import Any

from django.urls import URLPattern, re_path
from rest_framework.schemas.inspectors import ViewInspector
from rest_framework.settings import api_settings

AVAILABLE = find_spec("drf_spectacular") is not None


def schema() -> ViewInspector:
    """What describes our views."""
    if not AVAILABLE:
        inspector: Any = api_settings.DEFAULT_SCHEMA_CLASS
        return inspector()  # type: ignore[no-any-return]
    from workflows.api.openapi import Schema

    return Schema()


def urlpatterns() -> list[URLPattern]:
    """The description and the page that shows it, where they can be had."""
    if not AVAILABLE:
        return []
    from workflows.api import pages

    return [
        re_path(r"^schema/?$", pages.SchemaView.as_view(), name="sluice-schema"),
        re_path(r"^docs/?$", pages.DocsView.as_view(), name="sluice-docs"),
    ]
