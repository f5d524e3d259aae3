"""The API's description, and the page on which people read it and try it out. Needs the extra `openapi`."""

from functools import lru_cache
from typing import Any

from django.apps import apps
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.generic import TemplateView
from drf_spectacular.renderers import OpenApiYamlRenderer
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.api.base import OurView
from workflows.api.openapi import Generator


class SchemaView(OurView):
    """This description, as JSON or YAML."""

    permission_classes = [IsAuthenticated]
    renderer_classes = [JSONRenderer, OpenApiYamlRenderer]
    answers = {"get": {200: {"type": "object", "additionalProperties": {}}}}

    def get(self, request: Request) -> Response:
        prefix = reverse("sluice-root").removeprefix(get_script_prefix().rstrip("/"))
        return Response(_document(prefix, get_language(), get_urlconf(), get_script_prefix()))


@lru_cache(maxsize=16)
def _document(prefix: str, *varying: Any) -> Any:
    """What is described changes with the code alone; the language and where it is mounted tell the copies apart."""
    return Generator(prefix=prefix).get_schema()


class DocsView(LoginRequiredMixin, TemplateView):
    """Swagger UI from the sidecar's static files: no other server is asked, and no script stands in the page."""

    template_name = "workflows/api/docs.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        request: HttpRequest = self.request
        missing = not apps.is_installed("drf_spectacular_sidecar")
        return super().get_context_data(
            schema_url=request.build_absolute_uri(reverse("sluice-schema")),
            missing=_("Add drf_spectacular_sidecar to INSTALLED_APPS to read the API's description here.")
            if missing
            else "",
            **kwargs,
        )
