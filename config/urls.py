from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.generic import TemplateView


def healthz(request: HttpRequest) -> HttpResponse:
    """Says that the web process answers; what workers do is seen in the executions themselves."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("", TemplateView.as_view(template_name="landing.html"), name="landing"),
    path("shop/", include("config.shop.urls")),
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("workflows.api.urls")),
    path("api/v1/", include("executions.api.urls")),
    path("hooks/", include("workflows.hooks.urls")),
    path("v2/", include("executions.dialects.functiongraph.urls")),
    path("api/rpa-openapi/", include("executions.dialects.iflyrpa.urls")),
    path("api/", include("executions.dialects.nocobase.urls")),
    # The same without the prefix, as some documents write it.
    path("", include("executions.dialects.nocobase.urls")),
]
