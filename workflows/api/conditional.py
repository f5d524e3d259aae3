"""Reading only what changed, and changing only what was read: ETag, If-None-Match and If-Match.

An ETag has two halves, `"<state>-<shown>"`: which state of the object it is, and how that was shown (the fields asked
for, what is counted beside it). A change asks for the state alone, so whoever read two fields may change a third.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from django.db import router, transaction
from django.db.models import Model
from django.utils.http import parse_etags
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from workflows.errors import Moved, NotFound


class Conditional(APIView):
    """For viewsets of records whose every change shows in `state_columns`."""

    #: Empty: answers carry no ETag.
    state_columns: ClassVar[tuple[str, ...]] = ()
    #: Actions that answer 304 where nothing changed.
    conditional: ClassVar[Collection[str]] = ()
    #: Actions that change only what If-Match says was read.
    preconditions: ClassVar[Collection[str]] = ()

    def varying(self, record: Any, names: Collection[str]) -> Any:
        """What is shown of a record and may change without its state."""
        return None

    def tag(self, records: Sequence[Any], names: Collection[str], *more: Any) -> str | None:
        """The ETag of these records as they are shown now, or None where there is none."""
        renderer = getattr(self.request, "accepted_renderer", None)
        # A page for people holds more than the record; what is expanded changes by itself.
        if (
            not self.state_columns
            or isinstance(renderer, BrowsableAPIRenderer)
            or "expand" in self.request.query_params
        ):
            return None
        shown = [
            sorted(names),
            [self.varying(record, names) for record in records],
            getattr(renderer, "media_type", ""),
            get_language(),
            str(self.request.user.pk),
            more,
        ]
        return f'"{self._state(records)}-{_mark(shown)}"'

    def unchanged(self, tag: str | None) -> Response | None:
        """The answer 304 to who knows this state already."""
        header = self.request.headers.get("If-None-Match")
        if tag is None or header is None or self.request.method not in ("GET", "HEAD"):
            return None
        known = [each.removeprefix("W/") for each in parse_etags(header)]
        return tagged(Response(status=304), tag) if tag in known or "*" in known else None

    @contextmanager
    def unmoved(self, record: Model, lock: Callable[[], Any]) -> Iterator[None]:
        """Around a change. With If-Match: one transaction in which `lock` is taken before the state is looked at.

        Raises `Moved` where the state is another than the caller read.
        """
        header = self.request.headers.get("If-Match")
        if header is None:
            yield
            return
        model = type(record)
        alias = router.db_for_write(model)
        with transaction.atomic(using=alias):
            lock()
            fresh = model._default_manager.using(alias).filter(pk=record.pk).first()
            if fresh is None:
                raise NotFound(_("It was deleted meanwhile."))
            # A proxy that packs answers makes strong tags weak.
            known = {each.removeprefix("W/").strip('"').partition("-")[0] for each in parse_etags(header)}
            if not known & {"*", self._state([fresh])}:
                raise Moved(_("It was changed since you read it; read it again."))
            yield

    def _state(self, records: Sequence[Any]) -> str:
        return _mark([[record.pk, *(getattr(record, name) for name in self.state_columns)] for record in records])


def tagged(response: Response, tag: str | None) -> Response:
    if tag is not None:
        response["ETag"] = tag
        # Kept by the caller alone, and asked for again each time.
        response["Cache-Control"] = "private, no-cache"
    return response


def _mark(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:20]
