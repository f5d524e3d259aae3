"""Request bodies: broken, endless or unstorable JSON is the caller's mistake, never ours."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, FormParser, MultiPartParser

from workflows import bodies, jsoninput
from workflows.errors import Invalid


def read_all(stream: Any) -> bytes:
    """A body of at most `DATA_UPLOAD_MAX_MEMORY_SIZE` bytes, which Django itself asks of forms only."""
    return bodies.read(stream, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


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
