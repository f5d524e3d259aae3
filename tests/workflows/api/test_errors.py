import pytest
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from rest_framework import exceptions

from workflows import errors
from workflows.api.errors import handle


def answer(error):
    response = handle(error, {})
    return None if response is None else (response.status_code, response.data["errors"])


def entry(field, code, message):
    return {"field": field, "code": code, "message": message}


@pytest.mark.parametrize(
    ("error", "status", "entries"),
    [
        (errors.Invalid("No.", field="config.a"), 400, [entry("config.a", "invalid", "No.")]),
        (errors.Invalid("No."), 400, [entry(None, "invalid", "No.")]),
        (
            errors.Invalid("No.", errors={"a": "One.", "b.0": "Two."}),
            400,
            [entry("a", "invalid", "One."), entry("b.0", "invalid", "Two.")],
        ),
        (errors.Frozen("Read-only."), 409, [entry(None, "frozen", "Read-only.")]),
        (errors.NotFound("Gone.", field="id"), 404, [entry("id", "not_found", "Gone.")]),
        (errors.Refused("It runs."), 409, [entry(None, "refused", "It runs.")]),
        (errors.Busy("Later."), 409, [entry(None, "busy", "Later.")]),
        (exceptions.ParseError("Broken."), 400, [entry(None, "parse_error", "Broken.")]),
        (exceptions.ValidationError({"a": ["No."]}), 400, [entry("a", "invalid", "No.")]),
        (exceptions.ValidationError({"a": {"b": ["No."]}}), 400, [entry("a.b", "invalid", "No.")]),
        (exceptions.ValidationError({"a": {0: ["No."]}}), 400, [entry("a.0", "invalid", "No.")]),
        (exceptions.ValidationError({"a": [{}, {"b": ["No."]}]}), 400, [entry("a.1.b", "invalid", "No.")]),
        (exceptions.ValidationError({"non_field_errors": ["No."]}), 400, [entry(None, "invalid", "No.")]),
        (
            exceptions.ValidationError(["One.", "Two."]),
            400,
            [entry(None, "invalid", "One."), entry(None, "invalid", "Two.")],
        ),
        (DjangoValidationError({"title": ["No."]}), 400, [entry("title", "invalid", "No.")]),
        (DjangoValidationError("No."), 400, [entry(None, "invalid", "No.")]),
        (exceptions.MethodNotAllowed("PUT"), 405, [entry(None, "method_not_allowed", 'Method "PUT" not allowed.')]),
        (Http404("x"), 404, None),
        (PermissionDenied(), 403, None),
    ],
)
def test_each_error_has_the_one_shape(error, status, entries):
    found = answer(error)
    assert found is not None
    assert found[0] == status
    assert entries is None or found[1] == entries
    assert all(set(item) == {"field", "code", "message"} for item in found[1])


def test_a_defect_is_not_hidden():
    assert answer(RuntimeError("a defect")) is None
