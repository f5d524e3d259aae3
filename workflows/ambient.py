"""What surrounds a write: on whose behalf it happens and from where, which runs led to it, and whether it may set
workflows off.

Context variables, so they follow a request, a thread or a coroutine, and never a global.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse

from workflows.actions import Origin

#: (execution id, workflow version id) of every run that led to the present write, oldest first.
Stack = tuple[tuple[int, int], ...]

_actor: ContextVar[Any] = ContextVar("sluice_actor", default=None)
_source: ContextVar[Callable[[], tuple[str, str]]] = ContextVar("sluice_source", default=lambda: (Origin.PYTHON, ""))
_stack: ContextVar[Stack] = ContextVar("sluice_stack", default=())
_silent: ContextVar[bool] = ContextVar("sluice_silent", default=False)


def actor() -> Any:
    """The signed-in user on whose behalf this code runs, or None."""
    who = _actor.get()
    user = who() if callable(who) else who
    return user if user is not None and getattr(user, "is_authenticated", False) else None


def actor_id() -> int | None:
    """The id of that user, or None."""
    user = actor()
    return None if user is None else user.pk


def source() -> tuple[str, str]:
    """(origin, address of the client): where what happens here was asked for; see `workflows.actions.Origin`."""
    return _source.get()()


def stack() -> Stack:
    return _stack.get()


def silent() -> bool:
    """Whether writes here set no workflow off."""
    return _silent.get()


@contextmanager
def acting(user: Any) -> Iterator[None]:
    """Runs started inside are `created_by` this user."""
    token = _actor.set(user)
    try:
        yield
    finally:
        _actor.reset(token)


@contextmanager
def coming_from(origin: str, address: str = "") -> Iterator[None]:
    """Changes inside were asked for there: for commands, and for faces that no view of ours serves."""
    token = _source.set(lambda: (origin, address))
    try:
        yield
    finally:
        _source.reset(token)


@contextmanager
def inside(stack: Stack) -> Iterator[None]:
    """Runs started inside know these runs as their ancestors."""
    token = _stack.set(stack)
    try:
        yield
    finally:
        _stack.reset(token)


@contextmanager
def skip_workflows() -> Iterator[None]:
    """Writes inside set no workflow off."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


class ActorMiddleware:
    """Makes the request's user the `created_by` of the runs that the request starts, and the author of its changes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Asked for late: most requests change nothing, reading request.user costs a query, and no view is known yet.
        token = _source.set(lambda: _source_of(request))
        try:
            with acting(lambda: getattr(request, "user", None)):
                return self.get_response(request)
        finally:
            _source.reset(token)


def _source_of(request: HttpRequest) -> tuple[str, str]:
    """Views of an API name their own `origin`. Whoever stands before this server is the address: headers can lie."""
    address = str(request.META.get("REMOTE_ADDR") or "")
    match = request.resolver_match
    if match is None:
        return Origin.WEB, address
    named = getattr(getattr(match.func, "cls", None), "origin", None)
    return named or (Origin.ADMIN if "admin" in match.app_names else Origin.WEB), address
