"""HTTP tasks of both forms: a request node, and with a callback the request beside a node that waits for it."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from workflows.transfer.fdl.tree import Line
from workflows.transfer.fdl.values import Misfit, Ref, Value, result_of, template

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TYPES = (
    "application/json", "application/x-www-form-urlencoded", "application/xml", "text/plain",
)  # fmt: skip
#: Milliseconds of a call whose time nobody limits; the kind's own default is short.
_TIMEOUT = 60_000

#: Makes the request's configuration, given where it will stand and the token of the callback if there is one.
Configure = Callable[[Line, Ref | None], dict[str, Any]]


def request_of(given: Mapping[str, Value]) -> dict[str, Any]:
    """A request node's configuration of url, method, headers and body. Raises `Misfit` with a place inside."""
    for name in given:
        if name not in ("url", "method", "headers", "body"):
            raise Misfit(_("%s is not taken here; there are: url, method, headers, body.") % name[:80], name)
    url, method, body = given.get("url"), given.get("method", "GET"), given.get("body")
    if not isinstance(url, Ref) and not (isinstance(url, str) and url.strip()):
        raise Misfit(_("Say which address to call."), "url")
    if not isinstance(method, str) or method.upper() not in _METHODS:
        raise Misfit(_("The method is one of: %s.") % ", ".join(_METHODS), "method")
    headers, content_type = _headers(given.get("headers"))
    config: dict[str, Any] = {"url": template(url), "method": method.upper(), "timeout": _TIMEOUT}
    if headers:
        config["headers"] = headers
    if body is None:
        return config
    if method.upper() == "GET":
        raise Misfit(_("A GET has no body; choose another method."), "body")
    if content_type is None:
        content_type = "text/plain" if isinstance(body, str) and not _is_json(body) else "application/json"
    elif content_type == "application/x-www-form-urlencoded" and isinstance(body, dict):
        body = [{"name": name, "value": value} for name, value in body.items()]
    return {**config, "contentType": content_type, "data": _at("body", body)}


def _headers(value: Value) -> tuple[list[dict[str, Any]], str | None]:
    if value is None:
        return [], None
    if not isinstance(value, dict):
        raise Misfit(_("Give an object of names and values."), "headers")
    content_type = None
    found = []
    for name, text in value.items():
        if name.lower() != "content-type":
            found.append({"name": _at("headers", name), "value": _at(f"headers.{name}", text)})
            continue
        content_type = text.partition(";")[0].strip().lower() if isinstance(text, str) else ""
        if content_type not in _TYPES:
            raise Misfit(_("The content type is one of: %s.") % ", ".join(_TYPES), f"headers.{name}")
    return found, content_type


def _at(place: str, value: Value) -> Any:
    try:
        return template(value)
    except Misfit as error:
        raise error.below(place) from None


def _is_json(text: str) -> bool:
    return text.strip()[:1] in ("{", "[", '"')


def _timed(policy: Any, seconds: int | None) -> dict[str, Any]:
    return {**(policy or {}), **({"timeout": seconds * 1_000} if seconds else {})}


def add_request(line: Line, name: str, configure: Configure, policy: Any, seconds: int | None) -> Value:
    """The call; what FDL gives of its answer."""
    key = line.add("request", configure(line, None), name, policy=_timed(policy, seconds))["key"]
    answer = result_of(key)
    return {"Header": answer.at("headers"), "Code": answer.at("status"), "Body": answer.at("data")}


def add_call(line: Line, name: str, configure: Configure, policy: Any, seconds: int | None) -> Value:
    """The call; what the old form gives of its answer, which is the body alone."""
    key = line.add("request", configure(line, None), name, policy=_timed(policy, seconds))["key"]
    return result_of(key).at("data")


def add_waiting_request(line: Line, name: str, configure: Configure, policy: Any, seconds: int | None) -> Value:
    """The call beside the wait for its callback, which may come before the call has ended; what the callback brings.

    The wait stands first, so its token is there when the call is made. Both together are tried again.
    """
    both = line.add("parallel", {"mode": "all"}, name, policy=policy)
    waiting = line.fork(both, 0).add("callback", {}, f"{name}.callback", policy=_timed(None, seconds))
    answer = result_of(waiting["key"])
    branch = line.fork(both, 1)
    branch.add("request", configure(branch, answer.at("token")), f"{name}.request")
    return answer
