"""The body of a request node's call, by content type (spec 5.23)."""

import base64
import binascii
import json
from pathlib import PurePath
from typing import Any, Literal
from urllib.parse import urlencode

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from workflows.errors import Invalid
from workflows.expressions.text import to_text
from workflows.jsonable import jsonable
from workflows.net import Files

ContentType = Literal[
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/xml",
    "text/plain",
]


def encode(content_type: ContentType, data: Any) -> tuple[bytes | None, Files | None]:
    """(content, files) as `net.fetch` takes them; both None without data. Raises `Invalid` (field "data")."""
    if data is None:
        return None, None
    if content_type == "application/json":
        return _json(data), None
    if content_type == "application/x-www-form-urlencoded":
        return (urlencode(pairs(data)).encode() if isinstance(data, list) else to_text(data).encode()), None
    if content_type == "multipart/form-data":
        return None, _parts(data)
    return to_text(data).encode(), None


def pairs(entries: Any) -> list[tuple[str, str]]:
    """[{name, value}] as trimmed texts: nameless and null ones left out, a list's items one by one."""
    found = []
    for entry in entries if isinstance(entries, list) else []:
        name = to_text(entry.get("name")).strip() if isinstance(entry, dict) else ""
        values = entry.get("value") if name else None
        for value in values if isinstance(values, list) else [values]:
            if value is not None:
                found.append((name, to_text(value).strip()))
    return found


def _json(data: Any) -> bytes:
    """A text that is JSON already goes as it stands."""
    if isinstance(data, str):
        try:
            json.loads(data)
        except (ValueError, RecursionError):
            pass
        else:
            return data.strip().encode()
    return json.dumps(jsonable(data), ensure_ascii=False, separators=(",", ":")).encode()


def _parts(data: Any) -> Files:
    """[{valueType: "text" | "file", name, text | file}]; a file may be a list of files."""
    found: list[tuple[str, tuple[str | None, bytes, str | None]]] = []
    for part in data if isinstance(data, list) else []:
        name = to_text(part.get("name")).strip() if isinstance(part, dict) else ""
        if not name:
            continue
        if part.get("valueType") == "file":
            files = part.get("file")
            found.extend((name, _file(file)) for file in (files if isinstance(files, list) else [files]) if file)
        else:
            found.append((name, (None, to_text(part.get("text")).encode(), None)))
    return found


def _file(value: Any) -> tuple[str, bytes, str | None]:
    """The name of a file in the default storage, as a FileField's value is, or {filename, content, contentType}.

    `content` is base64.
    """
    try:
        if isinstance(value, dict):
            content = base64.b64decode(to_text(value.get("content")), validate=True)
            return to_text(value.get("filename")) or "file", content, to_text(value.get("contentType")) or None
        with default_storage.open(to_text(value)) as file:
            return PurePath(to_text(value)).name, file.read(), None
    except binascii.Error:
        raise Invalid(_("The content of a file is not base64."), field="data") from None
    except (OSError, ValueError, SuspiciousOperation):
        raise Invalid(_("There is no file %r in the default storage.") % to_text(value), field="data") from None
