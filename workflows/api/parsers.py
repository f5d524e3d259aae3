"""Request bodies: broken, endless or unstorable JSON is the caller's mistake, never ours."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser, FormParser, MultiPartParser

from workflows import jsoninput
from workflows.errors import Invalid


class TooLarge(APIException):
    status_code = 413
    default_detail = gettext_lazy("The body is too large; send less.")
    default_code = "too_large"


def read_all(stream: Any) -> bytes:
    """A body of at most `DATA_UPLOAD_MAX_MEMORY_SIZE` bytes, which Django itself asks of forms only."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if most is None:
        return bytes(stream.read())
    body = bytes(stream.read(most + 1))
    if len(body) > most:
        raise TooLarge(_("The body is larger than %d bytes; send less.") % most)
    return body


class StorableJSONParser(BaseParser):
    """Takes UTF-8 JSON as `workflows.jsoninput` does."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = read_all(stream)
        try:
            return jsoninput.loads(body or b"{}")
        except Invalid as error:
            if error.field:
                raise
            raise ParseError(str(error)) from None


class BoundedFormParser(FormParser):
    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        return super().parse(BytesIO(read_all(stream)), media_type, parser_context)


PARSERS: list[type[BaseParser]] = [StorableJSONParser, BoundedFormParser, MultiPartParser]
