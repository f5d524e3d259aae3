"""Files that nodes send: those of rows, read when they are sent, and such as are written out (spec 5.19, 5.23).

A name alone is no file: whoever may edit a workflow could have any file of the project's storage sent by it.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db import router
from django.db.models import FileField, Model
from django.utils.translation import gettext as _

from workflows.coercion import field_value
from workflows.collections import alias_of, reference, resolve, sensitive
from workflows.conf import conf
from workflows.errors import Invalid
from workflows.expressions.text import to_text
from workflows.instructions.data import has_template

#: (name, content, content type or None)
File = tuple[str, bytes, str | None]


def read_files(value: Any, field: str) -> list[File]:
    """The files of a value, or of lists of them, however nested; what is empty is left out.

    A file is {collection, id, field}, the FileField of a row or, with a list of ids, of several; or {filename, content,
    contentType} with the content in base64. Raises `Invalid` (`field`).
    """
    found: list[File] = []
    left = conf().REQUEST_MAX_BYTES
    for item in _flat(value):
        for file in _files(item, field, left):
            left -= len(file[1])
            found.append(file)
    return found


def check_files(value: Any, field: str) -> None:
    """What can be said before anything is rendered. Raises `Invalid` (`field`)."""
    for item in _flat(value):
        if isinstance(item, Mapping) and item.get("collection"):
            if "id" not in item:
                raise Invalid(_("Name the row that has the file by its id."), field=field)
            if not has_template([item["collection"], item.get("field")]):
                _column(item, field)


def without_content(value: Any) -> Any:
    """As jobs keep it: of a file that is written out its name alone."""
    if isinstance(value, list):
        return [without_content(item) for item in value]
    return value.get("filename") if isinstance(value, Mapping) and "content" in value else value


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    elif value:
        yield value


def _files(value: Any, field: str, most: int) -> Iterator[File]:
    if isinstance(value, Mapping) and value.get("collection"):
        yield from _of_rows(value, field, most)
    elif isinstance(value, Mapping) and "content" in value:
        yield _written_out(value, field)
    else:
        raise Invalid(
            _("A file is {collection, id, field} of a row, or {filename, content} with the content in base64."),
            field=field,
        )


def _written_out(value: Mapping[str, Any], field: str) -> File:
    try:
        content = base64.b64decode(to_text(value.get("content")), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(_("The content of a file is not base64."), field=field) from None
    return to_text(value.get("filename")) or "file", content, to_text(value.get("contentType")) or None


def _of_rows(value: Mapping[str, Any], field: str, most: int) -> Iterator[File]:
    model, column = _column(value, field)
    alias = alias_of(value["collection"]) or router.db_for_read(model)
    for pk in _flat(value.get("id")):
        try:
            key = field_value(model._meta.pk, pk, path=field)
        except Invalid:
            key = None
        row = model._default_manager.using(alias).filter(pk=key).only(column.name).first()
        if row is None:
            known = {"model": reference(model), "id": to_text(pk)[:40]}
            raise Invalid(_("There is no row %(id)s of %(model)s.") % known, field=field)
        held = getattr(row, column.name)
        if held:
            content = _read(held, field, most)
            most -= len(content)
            yield PurePath(held.name).name, content, None


def _column(value: Mapping[str, Any], field: str) -> tuple[type[Model], FileField]:
    """The model and the FileField that are meant; the field's name may be left out where there is one."""
    try:
        model = resolve(value["collection"])
    except Invalid as error:
        raise Invalid(error.message, field=field) from None
    known = {each.name: each for each in model._meta.concrete_fields if isinstance(each, FileField)}
    known = {name: each for name, each in known.items() if not sensitive(each)}
    name = to_text(value.get("field")) or (next(iter(known)) if len(known) == 1 else "")
    if name not in known:
        raise Invalid(
            _("%(model)s has no file field %(name)r; it has: %(known)s.")
            % {"model": reference(model), "name": name, "known": ", ".join(sorted(known)) or _("none")},
            field=field,
        )
    return model, known[name]


def _read(held: Any, field: str, most: int) -> bytes:
    try:
        with held.open("rb") as file:
            content: bytes = file.read(most + 1)
    except (OSError, ValueError, SuspiciousOperation):
        raise Invalid(_("There is no file %r in its storage.") % held.name, field=field) from None
    if len(content) > most:
        raise Invalid(
            _("The files have more than %d bytes; send less or raise SLUICE['REQUEST_MAX_BYTES'].")
            % conf().REQUEST_MAX_BYTES,
            field=field,
        )
    return content
