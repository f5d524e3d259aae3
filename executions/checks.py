"""System checks of what runs need, each with an id and a hint."""

from typing import Any

from celery import current_app
from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from workflows.conf import conf

_CLOUDFLOW = "executions.dialects.cloudflow.middleware.CloudFlowMiddleware"
#: What redirects, reads bodies, or refuses posts without a token.
_IN_THE_WAY = (
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
)


@register("sluice")
def check_task_routing(**_: Any) -> list[CheckMessage]:
    """Tasks that a host's own settings would make eager never see a commit."""
    if current_app.conf.task_always_eager:
        return [
            Warning(
                "CELERY_TASK_ALWAYS_EAGER makes drains run inside the transaction that queues a run.",
                hint="Leave it off; tests drain with executions.drain.drain_all().",
                id="sluice.W101",
            )
        ]
    return []


@register("sluice")
def check_cloudflow(**_: Any) -> list[CheckMessage]:
    """Its clients call the root, and take a redirect for an answer."""
    before = list(settings.MIDDLEWARE)
    if _CLOUDFLOW not in before:
        return []
    found = [name for name in before[: before.index(_CLOUDFLOW)] if name in _IN_THE_WAY]
    return [
        Warning(
            f"{name.rpartition('.')[2]} stands before CloudFlowMiddleware and may answer CloudFlow's clients itself.",
            hint="Put CloudFlowMiddleware first in MIDDLEWARE.",
            id="sluice.W102",
        )
        for name in found
    ]


@register("sluice", deploy=True)
def check_nonces(**_: Any) -> list[CheckMessage]:
    """What a call was signed with once must not be taken a second time, whichever process is asked."""
    backend = settings.CACHES.get(conf().CACHE, {}).get("BACKEND", "")
    if _CLOUDFLOW not in settings.MIDDLEWARE or not backend.endswith(("LocMemCache", "DummyCache")):
        return []
    return [
        Warning(
            f"The cache {conf().CACHE!r} is not shared: another process takes CloudFlow's calls for new ones again.",
            hint="Name a cache in SLUICE['CACHE'] that all processes share, such as Redis.",
            id="sluice.W103",
        )
    ]
