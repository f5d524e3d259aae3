"""The API's description in OpenAPI, read off the views themselves. Needs the extra `openapi`."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from django.urls import get_script_prefix
from django.utils.translation import gettext as _
from drf_spectacular.drainage import reset_generator_stats
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import (
    build_bearer_security_scheme_object,
    normalize_result_object,
    sanitize_result_object,
)
from rest_framework.permissions import AllowAny

from workflows.api import shapes
from workflows.api.authentication import BearerAuthentication
from workflows.api.serializers import Described, Input, RecordSerializer
from workflows.listing.pages import MAX_NUMBER
from workflows.listing.parameters import Parameter

_ID = {"type": "integer", "minimum": 0, "maximum": MAX_NUMBER}
_WITH_BODY = ("POST", "PUT", "PATCH")


class Schema(AutoSchema):
    """Describes one of our views: what it takes, what it answers, and every way in which it refuses."""

    view: Any

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation: Any = super().get_operation(*args, **kwargs)
        responses = operation["responses"]
        for status, response in responses.items():
            response["description"] = response["description"] or HTTPStatus(int(status)).phrase
        for status in self._refusals():
            responses[str(status)] = {"$ref": f"#/components/responses/{component(status)}"}
        if self.action in getattr(self.view, "conditional", ()):
            responses["200"]["headers"] = shapes.ETAG
            responses["304"] = {"$ref": "#/components/responses/NotModified"}
        operation["responses"] = dict(sorted(responses.items()))
        return operation

    @property
    def action(self) -> str:
        return getattr(self.view, "action", None) or self.method.lower()

    def get_operation_id(self) -> str:
        """ "workflows_nodes_create": the words of the path and what is done there."""
        words = [word.replace("-", "_") for word in self._tokenize_path()]
        if words and self.action.startswith(words[-1]):
            words.pop()
        return "_".join([*words, self.action]) if words else f"root_{self.action}"

    def get_tags(self) -> list[str]:
        return list(super().get_tags()) or ["root"]

    def get_summary(self) -> str | None:
        """The first sentence of what the action or the view says of itself."""
        first, dot, _rest = re.sub(r"\s+", " ", super().get_description()).partition(". ")
        return first + dot.strip() if dot else first

    def get_description(self) -> str:  # type: ignore[override]
        text: str = super().get_description()
        permission = getattr(self.view, "permissions", {}).get(self.action)
        needs = _("Needs the permission `%s`.") % permission if permission else ""
        return "\n\n".join(filter(None, (text, needs)))

    def get_request_serializer(self) -> Any:
        return self.view.inputs.get(self.action)

    def get_response_serializers(self) -> Any:
        return {str(status): answer for status, answer in self.view.answers_of(self.action).items()}

    def map_parsers(self) -> list[Any]:
        # Forms are for the browsable pages.
        return ["application/json"]

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self.action == "list" and self.view.answers_of("list").get(200) is self.view.record_class

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        known = getattr(self.view, "path_schemas", {})
        return [
            {"name": name, "in": "path", "required": True, "schema": dict(known.get(name, _ID))} for name in variables
        ]

    def _get_filter_parameters(self) -> list[dict[str, Any]]:
        found = [_parameter(each) for each in self.view.parameters_of(self.action)]
        if self.action == "list" and getattr(self.view, "filterset_class", None) is not None:
            found += [_parameter(each) for each in self.view.filterset_class.described()]
        return found

    def _get_pagination_parameters(self) -> list[dict[str, Any]]:
        if self.action != "list" or not getattr(self.view, "pagination_class", None):
            return []
        return [_parameter(each) for each in self.view.pagination_class.described()]

    def _refusals(self) -> Iterator[int]:
        """The statuses with which this operation may refuse; `shapes.REFUSALS` says what each means."""
        changes, names = self.method not in ("GET", "HEAD"), "{" in self.path
        public = AllowAny in self.view.permission_classes
        yield from (401, 405, 406, 429)
        if not public:
            yield 403
        if self.view.strict or self.method in _WITH_BODY:
            yield 400
        if names:
            yield 404
        if changes and not public:
            yield 409
        if self.action in getattr(self.view, "preconditions", ()):
            yield 412
        if self.method in _WITH_BODY:
            yield from (413, 415)
        yield from self.view.refusals.get(self.action, ())


def component(status: int) -> str:
    """The name under which a refusal is described: 404 is "NotFound"."""
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _parameter(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {"name": parameter.name, "in": parameter.place, "schema": dict(parameter.schema)}
    if parameter.description:
        found["description"] = str(parameter.description)
    if parameter.schema.get("type") == "object":
        found |= {"style": "form", "explode": True}
    return found


class Endpoints(EndpointEnumerator):
    """Our own views, whatever else the host project has."""

    def should_include_endpoint(self, path: str, callback: Any) -> bool:
        from workflows.api.base import OurView

        return bool(super().should_include_endpoint(path, callback)) and issubclass(callback.cls, OurView)


class Generator(SchemaGenerator):
    """The document of our views below `prefix`; what a host sets for its own document leaves it as it is."""

    endpoint_inspector_cls = Endpoints

    def __init__(self, *args: Any, prefix: str = "/", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prefix = prefix

    def _initialise_endpoints(self) -> None:
        super()._initialise_endpoints()
        self.endpoints = [each for each in self.endpoints or () if each[0].startswith(self.prefix)]

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        reset_generator_stats()
        document = {
            "openapi": "3.0.3",
            "info": {
                "title": "Sluice",
                "version": version("django-sluice"),
                "description": str(shapes.ABOUT),
            },
            "servers": [{"url": get_script_prefix().rstrip("/") or "/"}],
            "paths": self.parse(request, True),
            "components": {**self.registry.build({}), "responses": dict(_responses())},
        }
        document["components"]["schemas"] |= shapes.schemas()
        return sanitize_result_object(normalize_result_object(document))


def _responses() -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "NotModified", {"description": _("Nothing changed since the ETag was given."), "headers": shapes.ETAG}
    for status, description in shapes.REFUSALS.items():
        answer: dict[str, Any] = {
            "description": str(description),
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{shapes.errors_of(status)}"}}},
        }
        if status in shapes.HEADERS:
            answer["headers"] = shapes.HEADERS[status]
        yield component(status), answer


class _Bearer(OpenApiAuthenticationExtension):
    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> Any:
        return build_bearer_security_scheme_object("Authorization", "Bearer", "JWT")


class _Records(OpenApiSerializerExtension):
    """Every field may be left out by `fields` and `exclude`."""

    target_class = RecordSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> Any:
        found = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        found.pop("required", None)
        found["properties"] = {**found["properties"], **self.target.described}
        return found


class _Inputs(OpenApiSerializerExtension):
    """Names that are not known are refused, but for those that a record read before would have."""

    target_class = Input
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> Any:
        found = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        if not self.target.shown:
            found["additionalProperties"] = False
        return found


class _Fields(OpenApiSerializerFieldExtension):
    target_class = Described
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> Any:
        return dict(self.target.openapi)
