"""Bodies of requests, within bounds."""

from typing import Any

from django.utils.translation import gettext as _

from workflows.errors import TooLarge


def read(stream: Any, most: int | None) -> bytes:
    """A body of at most so many bytes; None is no bound. Raises `TooLarge`, without reading on."""
    if most is None:
        return bytes(stream.read())
    body = bytes(stream.read(most + 1))
    if len(body) > most:
        raise TooLarge(_("The body is larger than %d bytes; send less.") % most)
    return body
