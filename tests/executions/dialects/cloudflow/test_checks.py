import pytest

from executions.checks import check_cloudflow, check_nonces

OURS = "executions.dialects.cloudflow.middleware.CloudFlowMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"


@pytest.mark.parametrize(
    ("middleware", "ids"),
    [
        ([COMMON], []),
        ([OURS, COMMON], []),
        ([SESSIONS, OURS, COMMON], []),
        ([COMMON, OURS], ["sluice.W102"]),
        (["django.middleware.security.SecurityMiddleware", COMMON, OURS], ["sluice.W102"] * 2),
    ],
)
def test_what_may_answer_in_its_place_is_told(settings, middleware, ids):
    settings.MIDDLEWARE = middleware
    assert [found.id for found in check_cloudflow()] == ids


@pytest.mark.parametrize(
    ("backend", "middleware", "ids"),
    [
        ("django.core.cache.backends.locmem.LocMemCache", [OURS], ["sluice.W103"]),
        ("django.core.cache.backends.dummy.DummyCache", [OURS], ["sluice.W103"]),
        ("django.core.cache.backends.redis.RedisCache", [OURS], []),
        ("django.core.cache.backends.locmem.LocMemCache", [COMMON], []),
    ],
)
def test_a_cache_that_is_not_shared_is_told(settings, backend, middleware, ids):
    settings.MIDDLEWARE = middleware
    settings.CACHES = {"default": {"BACKEND": backend}}
    assert [found.id for found in check_nonces()] == ids
