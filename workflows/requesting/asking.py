"""Who asks, for which workflows, and how a request is told that workflows ended it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from workflows.answering import Verdict
from workflows.errors import Invalid, SluiceError, entry

#: The parameter of a request that names workflows.
PARAMETER = "triggerWorkflows"
#: Workflows that one request may name.
MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A workflow that a request names, by its key, and the to-one relations that lead to the row it is for."""

    key: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """What a request says besides its action. `role_name` None is the name of the user's oldest group."""

    user: Any = None
    listed: Sequence[Listed] = ()
    role_name: str | None = None


def parse_listed(texts: str | Iterable[str] | None) -> tuple[Listed, ...]:
    """`key1,key2!customer.company` in the order given, each key once. Raises `Invalid` for too many."""
    given = [texts] if isinstance(texts, str) else list(texts or ())
    found: dict[str, Listed] = {}
    for text in ",".join(given).split(","):
        key, _sign, path = text.strip().partition("!")
        if key and key not in found:
            found[key] = Listed(key, tuple(name for name in path.split(".") if name))
    if len(found) > MOST_LISTED:
        raise Invalid(_("A request can name at most %d workflows.") % MOST_LISTED, field=PARAMETER)
    return tuple(found.values())


@dataclass
class Answered:
    """What workflows said to a request that went its way."""

    #: Of `response-message` steps, in the order of the runs and their steps.
    messages: list[str] = field(default_factory=list)


class RequestHalted(SluiceError):
    """Workflows ended the request: before its action, which is then not executed, or after it, which stays done.

    `status` is 200 where an `end` node resolved the run, 400 where one failed it, else 500; `messages` is what to tell.
    """

    code = "workflow"

    def __init__(self, verdict: Verdict, messages: Sequence[str]) -> None:
        sentences = {
            Verdict.FAILED: _("A workflow of this request failed; please tell an administrator."),
            Verdict.HANGS: _("A workflow of this request hangs: it waits for something, which no request can."),
            Verdict.REFUSED: _("A workflow refused this request."),
        }
        self.verdict = verdict
        self.status = {Verdict.STOP: 200, Verdict.REFUSED: 400}.get(verdict, 500)
        # What a failed run said before is none of the reasons for the failure.
        told = list(messages) if self.status < 500 else []
        self.messages = told or ([sentences[verdict]] if verdict in sentences else [])
        super().__init__(" ".join(self.messages) or _("A workflow ended this request."))

    @property
    def body(self) -> dict[str, Any]:
        """{"messages": [...]} of a success, else {"errors": [{field, code, message}]}."""
        if self.status == 200:
            return {"messages": self.messages}
        return {"errors": [entry(None, self.code, message) for message in self.messages]}


def check_order(cls: type, mixin: type, *bases: type) -> None:
    """Raises `TypeError` for a class that has the mixin behind one of these: nothing of it would ever be asked."""
    for base in bases:
        if base in cls.__mro__ and cls.__mro__.index(base) < cls.__mro__.index(mixin):
            raise TypeError(f"{cls.__qualname__}: put {mixin.__name__} before {base.__name__} among its bases.")
