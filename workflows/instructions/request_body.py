"""The body of a request node's call, by content type (spec 5.23)."""

import json
from typing import Any, Literal
from urllib.parse import urlencode

from workflows.expressions.text import to_text
from workflows.instructions.files import check_files, read_files, without_content
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


def shown_body(content_type: ContentType, data: Any) -> Any:
    """As jobs keep it: without the contents of files."""
    if content_type != "multipart/form-data" or not isinstance(data, list):
        return data
    return [part | {"file": without_content(part.get("file"))} if _is_file(part) else part for part in data]


def check_body(content_type: ContentType, data: Any) -> None:
    """Raises `Invalid` (field "data") for files that can't be meant."""
    if content_type == "multipart/form-data" and isinstance(data, list):
        for part in data:
            if _is_file(part):
                check_files(part.get("file"), "data")


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
        if _is_file(part):
            found.extend((name, file) for file in read_files(part.get("file"), "data"))
        else:
            found.append((name, (None, to_text(part.get("text")).encode(), None)))
    return found


def _is_file(part: Any) -> bool:
    return isinstance(part, dict) and part.get("valueType") == "file"
