"""A strict Content-Security-Policy for the demo and the tests; Django has one of its own from 6.0 on."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
    "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
))  # fmt: skip

#: Pages of others that can't do without inline scripts or styles, by the name of their renderer or of their address:
#: DRF's browsable pages, and the page on which Swagger UI shows the API.
EXEMPT_RENDERERS = frozenset({"BrowsableAPIRenderer"})
EXEMPT_NAMES = frozenset({"sluice-docs"})


class ContentSecurityPolicyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not _exempt(request, response):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response


def _exempt(request: HttpRequest, response: HttpResponse) -> bool:
    renderer = type(getattr(response, "accepted_renderer", None))
    match = request.resolver_match
    return any(base.__name__ in EXEMPT_RENDERERS for base in renderer.__mro__) or (
        match is not None and match.url_name in EXEMPT_NAMES
    )
