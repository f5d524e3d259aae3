"""One call: who asks, what its address names, and what was sent with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from executions.dialects.clouds.caller import Caller
from executions.dialects.functiongraph import attempts
from executions.dialects.functiongraph.errors import BadBody
from executions.models import Execution
from workflows import jsoninput
from workflows.errors import Invalid, NotFound
from workflows.listing.pages import as_id
from workflows.models import Workflow

_MOST_SHOWN = 40


@dataclass(frozen=True)
class Answer:
    """What a call answers where that is not 200 with a body."""

    body: Any = None
    status: int = 200


@dataclass(frozen=True)
class Asked:
    caller: Caller
    project: str
    #: The ids in the address.
    ids: Mapping[str, str]
    query: Mapping[str, str]
    #: Those that were signed, by their names in small letters.
    headers: Mapping[str, str]
    raw: bytes

    @property
    def user(self) -> Any:
        return self.caller.user

    @property
    def text(self) -> str:
        """The body as text. Raises `BadBody`."""
        try:
            # JSON is UTF-8; readers of bytes would take UTF-16 too, and those who read on would not.
            return self.raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise BadBody(_("The body is no text in UTF-8.")) from None

    def body(self) -> dict[str, Any]:
        """The JSON object of the body; nothing is an empty one. Raises `BadBody` and `Invalid`."""
        if not self.raw.strip():
            return {}
        try:
            found = jsoninput.loads(self.text)
        except Invalid as error:
            if error.field:
                raise
            raise BadBody(error.message) from None
        if not isinstance(found, dict):
            raise Invalid(_("Give a JSON object."), field="body")
        return found

    def workflow(self, rows: QuerySet[Workflow] | None = None) -> Workflow:
        """The current version of the one that the address names, out of these rows. Raises `NotFound`."""
        key = self.ids["workflow"]
        rows = self.caller.flows() if rows is None else rows
        # No column takes NUL, and to MySQL blanks at the end are none.
        found = rows.filter(key=key).first() if "\x00" not in key else None
        if found is None or found.key != key:
            raise NotFound(
                _("There is no workflow %s that you may see; give the id of one, not its name.") % key[:_MOST_SHOWN]
            )
        return found

    def run(self, workflow: Workflow, text: str | None = None) -> tuple[int, Execution]:
        """The id that the address (or `text`) names, and its newest attempt. Raises `NotFound`."""
        text = self.ids["execution"] if text is None else text
        run_id = as_id(text)
        found = None
        if run_id is not None:
            found = Execution.objects.filter(key=workflow.key, pk=attempts.newest_of(run_id)).first()
        if run_id is None or found is None:
            raise NotFound(_("There is no execution %s.") % text[:_MOST_SHOWN])
        return run_id, found
