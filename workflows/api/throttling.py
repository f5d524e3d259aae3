"""How often a caller may call, and how many wrong passwords are looked at, counted in the cache in fixed windows."""

import time
import unicodedata
from typing import Any

from django.core.cache import caches
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import Throttled
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from workflows.conf import ThrottleScope, conf

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
#: Wrong passwords are counted in windows of this many seconds.
FAILURE_WINDOW = 300
#: An account seen from many addresses, or an address with many accounts, may fail this many times as often.
_WIDER = 10


class KindThrottle(BaseThrottle):
    """Counts a caller's calls by kind: `SLUICE["THROTTLES"]` says how many there may be."""

    wait_seconds: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        scope = scope_of(request, view)
        rate = conf().THROTTLES.get(scope)
        if rate is None:
            return True
        most, _slash, unit = rate.partition("/")
        left = _left(_SECONDS[unit])
        self.wait_seconds = left
        return _count(f"{scope}:{self._caller(request)}", _SECONDS[unit]) <= int(most)

    def wait(self) -> float | None:
        return self.wait_seconds

    def _caller(self, request: Request) -> str:
        if request.user and request.user.is_authenticated:
            return f"user:{request.user.pk}"
        return f"address:{address_of(request)}"


def scope_of(request: Request, view: Any) -> ThrottleScope:
    """The kind of a call; a view's `throttle_scope` names another than its method says."""
    named: ThrottleScope | None = getattr(view, "throttle_scope", None)
    if named is not None:
        return named
    return "read" if request.method in SAFE_METHODS else "change"


class Failures:
    """Wrong passwords of one account, from one address, and of both together."""

    def __init__(self, request: Request, account: str) -> None:
        most = conf().SIGN_IN_FAILURES
        address, account = address_of(request), _folded(account)
        self.limits: dict[str, int] = (
            {}
            if most is None
            else {
                f"both:{address}:{account}": most,
                f"account:{account}": most * _WIDER,
                f"from:{address}": most * _WIDER,
            }
        )

    def check(self) -> None:
        """Raises `Throttled` where there were too many; the right password is then not looked at either."""
        for name, most in self.limits.items():
            if _counted(f"failures:{name}", FAILURE_WINDOW) >= most:
                raise Throttled(wait=_left(FAILURE_WINDOW))

    def note(self) -> None:
        for name in self.limits:
            _count(f"failures:{name}", FAILURE_WINDOW)


def _folded(account: str) -> str:
    """Names that a database may take for one and the same: many compare without case, accents and blanks behind."""
    letters = unicodedata.normalize("NFKD", account.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).strip()


def address_of(request: Request) -> str:
    """The caller's address; what a header says of it counts only where the host says how many proxies there are."""
    if api_settings.NUM_PROXIES:
        return str(BaseThrottle().get_ident(request))
    return str(request.META.get("REMOTE_ADDR", ""))


def _count(name: str, seconds: int) -> int:
    """Counts one more in the present window."""
    cache, key = caches[conf().CACHE], _key(name, seconds)
    cache.add(key, 0, timeout=seconds + 5)
    try:
        return int(cache.incr(key))
    except ValueError:
        # Thrown out between the two lines, or a cache that keeps nothing (check sluice.W004).
        return 1


def _counted(name: str, seconds: int) -> int:
    return int(caches[conf().CACHE].get(_key(name, seconds), 0))


def _key(name: str, seconds: int) -> str:
    # Hashed: names of accounts are of any length and form, and no cache needs to know them.
    mark = salted_hmac("sluice.throttle", name, algorithm="sha256").hexdigest()[:40]
    return f"sluice:throttle:{seconds}:{int(time.time() // seconds)}:{mark}"


def _left(seconds: int) -> float:
    """Seconds until the present window is over."""
    return seconds - time.time() % seconds
