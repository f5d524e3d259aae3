"""What surrounds a write: on whose behalf it happens, which runs led to it, and whether it may set workflows off.

Context variables, so they follow a request, a thread or a coroutine, and never a global.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse

#: (execution id, workflow version id) of every run that led to the present write, oldest first.
Stack = tuple[tuple[int, int], ...]

_actor: ContextVar[Any] = ContextVar("sluice_actor", default=None)
_stack: ContextVar[Stack] = ContextVar("sluice_stack", default=())
_silent: ContextVar[bool] = ContextVar("sluice_silent", default=False)


def actor_id() -> int | None:
    """The id of the signed-in user on whose behalf this code runs, or None."""
    who = _actor.get()
    user = who() if callable(who) else who
    return user.pk if user is not None and getattr(user, "is_authenticated", False) else None


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
    """Makes the request's user the `created_by` of the runs that the request starts."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Asked for late: most requests start no run, and reading request.user costs a query.
        with acting(lambda: getattr(request, "user", None)):
            return self.get_response(request)
