"""What is read of a request: its body within bounds, and the variables that the workflow asks for (spec 4.6)."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from workflows import jsoninput
from workflows.errors import Invalid, SluiceError
from workflows.expressions.paths import step
from workflows.triggers.webhook import Taken, WebhookConfig, segments
from workflows.validation import inside

_KINDS = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
#: A delivery's name of more characters is kept as its digest.
_LONGEST_NAME = 200


class WrongKind(SluiceError):
    """What was posted is of a kind that the workflow does not take."""

    code = "unsupported_media_type"
    status = 415


def parse(request: HttpRequest, body: bytes, config: WebhookConfig) -> Any:
    """The body as JSON holds it; of a form, a text a field, or a list of them. Raises `WrongKind` and `Invalid`."""
    if not body:
        # Nothing is of no kind.
        return None
    given = (request.content_type or "").lower()
    if "json" in config.content_types and (given == _KINDS["json"] or given.endswith("+json")):
        with inside("body"):
            return jsoninput.loads(body)
    if "form" in config.content_types and given == _KINDS["form"]:
        try:
            value = _plain(QueryDict(body.decode(), encoding="utf-8"))
        except (UnicodeDecodeError, SuspiciousOperation) as error:
            raise Invalid(_("The form can't be read: %s") % error, field="body") from None
        jsoninput.check(value, "body")
        return value
    kinds = ", ".join(_KINDS[kind] for kind in config.content_types)
    given = given or pgettext("content type", "nothing")
    raise WrongKind(_("This webhook takes %(kinds)s, not %(given)s.") % {"kinds": kinds, "given": given})


def context_of(request: HttpRequest, body: Any, config: WebhookConfig) -> dict[str, Any]:
    """`$context`: {"headers", "query", "body"}, each what the workflow asks of it."""
    query = _plain(request.GET)
    jsoninput.check(query, "query")
    headers = {item.name: request.headers.get(item.path) for item in config.headers}
    jsoninput.check(headers, "headers")
    return {"headers": headers, "query": _taken(query, config.query), "body": _taken(body, config.body)}


def delivery_of(request: HttpRequest, body: Any, config: WebhookConfig) -> str | None:
    """The event key of a request that tells its delivery. Raises `Invalid` where it should and does not."""
    delivery = config.delivery
    if delivery is None:
        return None
    if delivery.source == "headers":
        value: Any = request.headers.get(delivery.path)
    else:
        value = _at(body if delivery.source == "body" else _plain(request.GET), delivery.path)
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise Invalid(
            _("The request must tell its delivery: %(path)s of its %(source)s.")
            % {"path": delivery.path, "source": delivery.source},
            field=f"{delivery.source}.{delivery.path}",
        )
    text = str(value)
    if len(text) > _LONGEST_NAME or not text.isprintable():
        text = sha256(text.encode(errors="replace")).hexdigest()
    return f"delivery:{text}"


def _plain(fields: QueryDict) -> dict[str, Any]:
    return {name: values[0] if len(values) == 1 else list(values) for name, values in fields.lists()}


def _taken(value: Any, taken: list[Taken] | None) -> Any:
    return value if taken is None else {item.name: _at(value, item.path) for item in taken}


def _at(value: Any, path: str) -> Any:
    for segment in segments(path):
        # A list is walked by index or by the segment of each item, as templates walk it.
        value = step(value, segment) if isinstance(value, Mapping | list) else None
    return value
