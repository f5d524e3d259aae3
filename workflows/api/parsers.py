"""Request bodies: broken, endless or unstorable JSON is the caller's mistake, never ours."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, FormParser, MultiPartParser

from workflows import jsoninput
from workflows.errors import Invalid


class StorableJSONParser(BaseParser):
    """Takes UTF-8 JSON as `workflows.jsoninput` does."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            return jsoninput.loads(stream.read() or b"{}")
        except Invalid as error:
            if error.field:
                raise
            raise ParseError(str(error)) from None


PARSERS: list[type[BaseParser]] = [StorableJSONParser, FormParser, MultiPartParser]
