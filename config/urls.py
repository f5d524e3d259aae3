from importlib.util import find_spec

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.generic import TemplateView


def healthz(request: HttpRequest) -> HttpResponse:
    """Says that the web process answers; what workers do is seen in the runs themselves."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("", TemplateView.as_view(template_name="landing.html"), name="landing"),
    path("shop/", include("config.shop.urls")),
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    *[
        path("api/v1/", include(module))
        for module in ("executions.api.urls", "workflows.api.urls")
        if find_spec(module.rpartition(".")[0]) and find_spec(module)
    ],
]
