"""Every way in: the routes of the native API, the pages of the admin, and the actions of its lists."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from executions.models import BulkOperation

OURS = ("workflows", "executions")
API = "api/v1/"
#: Pages that take only posts, or only gets, by the end of their names.
_POSTED = (
    *("workflow_enable", "workflow_disable", "workflow_revise", "workflow_copy", "workflow_undo"),
    *("_pause", "_resume", "_reveal", "_unread", "_withdraw", "_filters_save", "_filters_drop", "bulkoperation_stop"),
)
_GOT = (
    *("_changelist", "_history", "_compare", "_dashboard", "_live", "_panel", "_canvas", "_places", "_people"),
    *("workflow_versions", "workflow_export", "bulkoperation_progress", "execution_run_rows", "execution_filters"),
)


@dataclass(frozen=True)
class Door:
    """One way in; `action` is one of a list's, `body` what a request of the API says where it is asked by that."""

    name: str
    method: str
    url_name: str
    parameters: tuple[str, ...] = ()
    action: str | None = None
    body: str = "{}"

    @property
    def in_api(self) -> bool:
        return not self.url_name.startswith("admin:")

    def url(self, things: dict[str, Any]) -> str:
        """`things`: a row by the name of its kind."""
        return reverse(self.url_name, args=[self._argument(each, things) for each in self.parameters])

    @property
    def kinds(self) -> set[str]:
        """What its address names."""
        return {self._kind(each) for each in self.parameters if each not in ("index", "app_label")}

    def _kind(self, parameter: str) -> str:
        named = re.fullmatch(r"(workflow|execution|node|job)_(?:pk|id)", parameter)
        if named:
            return named[1]
        if parameter in ("other", "filter"):
            return {"other": "workflow"}.get(parameter, parameter)
        kind = re.match(r"(?:sluice-|admin:\w+?_)(\w+?)(?:-|_|$)", self.url_name)
        assert kind is not None, self
        return kind[1]

    def _argument(self, parameter: str, things: dict[str, Any]) -> Any:
        if parameter == "index":
            return 1
        return "workflows" if parameter == "app_label" else things[self._kind(parameter)].pk


def api_doors() -> list[Door]:
    found = []
    for text, pattern in _patterns(get_resolver().url_patterns):
        path = _readable(text)
        if not path.startswith(API) or pattern.name == "sluice-unknown":
            continue
        parameters = tuple(re.findall(r"{(\w+)}", path))
        for method in _methods(pattern):
            name = f"{method} /{path}"
            if pattern.name == "sluice-execution-bulk":
                # Each of its actions asks for a permission of its own.
                found += [
                    Door(f"{name} {action}", method, pattern.name, (), None, _bulk(action))
                    for action in BulkOperation.Action.values
                ]
            else:
                found.append(Door(name, method, str(pattern.name), parameters))
    return found


def admin_doors() -> list[Door]:
    found = []
    for model, model_admin in sorted(admin.site._registry.items(), key=lambda item: item[0].__name__):
        if model._meta.app_label not in OURS:
            continue
        before = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for text, pattern in _patterns(model_admin.get_urls()):
            # The last one redirects addresses of Django 1.8; nothing is behind it.
            if pattern.name is not None:
                path = before + _readable(text)
                parameters = tuple(re.findall(r"{(\w+)}", path))
                found += [
                    Door(f"{method} {path}", method, f"admin:{pattern.name}", parameters)
                    for method in ("GET", "POST")
                    if not pattern.name.endswith(_POSTED if method == "GET" else _GOT)
                ]
        list_name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        found += [Door(f"{before} {action}", "POST", list_name, (), action) for action in _actions(model_admin)]
    return found


def _bulk(action: str) -> str:
    return json.dumps({"action": action, "all": True})


def _patterns(found: Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in found:
        text = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, text)
        else:
            yield text, pattern


def _readable(text: str) -> str:
    """`^workflows/(?P<pk>[^/.]+)/enable/?$` and `<int:pk>/enable/` as `workflows/{pk}/enable/`."""
    text = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"{\1}", text)
    text = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", text)
    return text.replace("^", "").replace("$", "").replace("/?", "/").replace("\\Z", "").replace("\\", "")


def _methods(pattern: URLPattern) -> list[str]:
    view: Any = pattern.callback
    if hasattr(view, "actions") and view.actions:
        return [method.upper() for method in view.actions if method != "head"]
    known = getattr(view, "cls", None) or getattr(view, "view_class", None)
    found = [name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(known, name)]
    assert found, pattern
    return found


def _actions(model_admin: Any) -> list[str]:
    """The names of a list's actions, those that registries contribute included."""
    request = type("Request", (), {})()
    request.user = get_user_model()(is_superuser=True, is_active=True, is_staff=True)
    request.GET = {}
    return list(model_admin.get_actions(request))


DOORS = [*api_doors(), *admin_doors()]
