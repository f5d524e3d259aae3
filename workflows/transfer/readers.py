"""The forms in which a file may hold definitions, and what each of them is read into."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from workflows import jsoninput
from workflows.errors import Invalid


@dataclass(frozen=True)
class Finding:
    """Something about a definition: a dotted path, and a sentence. What is not fatal may be meant."""

    place: str
    message: str
    fatal: bool = True
    #: The title or key of the node that it is about.
    node: str = ""


@dataclass(frozen=True)
class Definition:
    """One workflow of a file. `columns` are a workflow's own; `nodes` are objects with id, key, type, title, config,
    policy, upstream and branch_index, as `workflows.problems` takes them."""

    #: Where it stands in the file, as a dotted path; "" where the file is nothing else.
    place: str
    columns: Mapping[str, Any]
    nodes: Sequence[Mapping[str, Any]] = ()
    #: Whether it listens where it comes from; None: the file doesn't say.
    enabled: bool | None = None
    #: Of several versions of one key the current one is meant.
    current: bool = False
    #: What was found already when it was read; paths below `place`.
    faults: Sequence[Finding] = ()
    #: How the file calls what `workflows.problems` calls otherwise.
    names: Mapping[str, str] = field(default_factory=dict)
    #: The form has no keys: where there is a workflow of its name, that one is meant, and what the form doesn't say of
    #: it stays as it is.
    by_name: bool = False
    #: Where the file has what `problems` finds elsewhere: "nodes.0.config" -> "states.2.arguments"; what is below moves
    #: with it.
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str | None:
        key = self.columns.get("key")
        return key if isinstance(key, str) and key else None

    @property
    def title(self) -> str:
        said = self.columns.get("title") or self.columns.get("name")
        return str(said or self.key or self.place or _("without a title"))


@dataclass(frozen=True)
class Reader:
    """One form of a file."""

    name: str
    title: str | Promise
    #: Whether this text is meant to be of the form. It is asked of any text, and raises nothing.
    detect: Callable[[str], bool]
    #: Raises `Invalid` where the file as a whole can't be read.
    read: Callable[[str], list[Definition]]


_readers: dict[str, Reader] = {}


def register_reader(reader: Reader) -> None:
    """Adds a form, or replaces the one of the same name. The one added last is asked first."""
    _readers.pop(reader.name, None)
    _readers[reader.name] = reader


def readers() -> dict[str, Reader]:
    """All forms by name."""
    return dict(_readers)


def read(content: bytes | str) -> list[Definition]:
    """The definitions that a file holds. Raises `Invalid` (field "file") for what is none."""
    text = _decoded(content)
    for reader in reversed(_readers.values()):
        if reader.detect(text):
            try:
                found = reader.read(text)
            except Invalid as error:
                raise Invalid(f"{error.field}: {error}" if error.field else error.message, field="file") from error
            if not found:
                raise Invalid(_("There is no workflow in the file."), field="file")
            return found
    try:
        jsoninput.loads(text)
    except Invalid as error:
        raise Invalid(error.message, field="file") from None
    known = ", ".join(str(reader.title) for reader in _readers.values())
    raise Invalid(_("The file holds no workflows in a form that is known; there are: %s.") % known, field="file")


def _decoded(content: bytes | str) -> str:
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    try:
        # Editors of Windows put a mark before the text.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid(_("The file is no text in UTF-8; save it as such."), field="file") from None
