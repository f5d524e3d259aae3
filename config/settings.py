"""Settings of the project that runs the demo and the tests; what a host project needs of them is in docs/install.md."""

import os
import tempfile
from pathlib import Path

import environ
from django.core.management.utils import get_random_secret_key

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA") or BASE_DIR / "demo-data").resolve()

# `manage.py demo` keeps the key it began with beside its data, so that sessions outlive a restart.
SECRET_KEY_FILE = DATA_DIR / "secret-key"
DEBUG = env.bool("DEBUG", default=False)
# As it stands: django-environ takes a text that begins with "$" for the name of another variable.
SECRET_KEY = os.environ.get("SECRET_KEY") or (
    SECRET_KEY_FILE.read_text() if SECRET_KEY_FILE.exists() else get_random_secret_key()
)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    # Before the admin: its header counts the tasks that wait.
    "workflows",
    "executions",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "config.shop",
]

MIDDLEWARE = [
    # Before whatever redirects, reads bodies or opens sessions.
    "executions.dialects.cloudflow.middleware.CloudFlowMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.csp.ContentSecurityPolicyMiddleware",
    "workflows.ambient.ActorMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

_database = (
    env.db("DATABASE_URL")
    if os.environ.get("DATABASE_URL")
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "sluice.sqlite3")}
)
DATABASES = {"default": _database}
_database["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=600)
_database["CONN_HEALTH_CHECKS"] = True
if "sqlite3" in _database["ENGINE"]:
    # SQLite makes the file, but not its directory.
    Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    # A file: SQLite's shared memory databases know neither WAL nor the busy time-out that threads rely on.
    _database["TEST"] = {"NAME": str(Path(tempfile.gettempdir()) / f"sluice-test-{os.getpid()}.sqlite3")}
    _database["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000;",
    }
elif "postgresql" in _database["ENGINE"]:
    _database["OPTIONS"] = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
elif "mysql" in _database["ENGINE"]:
    _database["OPTIONS"] = {"charset": "utf8mb4", "isolation_level": "read committed"}
    _database["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_general_ci"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": env.cache("CACHE_URL", default="locmemcache://")}

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="memory://localhost/")
if CELERY_BROKER_URL.startswith("memory:"):
    # The default of one second would be felt by whoever watches a run.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.05}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
# Static files come straight from the apps: there is nothing to collect before the first page is right.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True

CSRF_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
# Cookies know no ports: a name of its own keeps the demo from signing a neighbour on this host out.
SESSION_COOKIE_NAME = "sluice_session"
LOGIN_URL = "admin:login"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.BasicAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
# For `manage.py spectacular`; the API describes itself at its own schema/ without it.
SPECTACULAR_SETTINGS = {"DEFAULT_GENERATOR_CLASS": "workflows.api.openapi.Generator"}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "sluice": {"level": env.str("SLUICE_LOG_LEVEL", default="INFO")},
        # A line for each request, and one for each address that is not there, says nothing about workflows.
        "django.server": {"level": "ERROR"},
        "django.request": {"level": "ERROR"},
    },
}

SLUICE = {
    "THROTTLES": {"sign-in": "30/minute", "execute": "600/minute", "change": "1200/minute", "read": "6000/minute"},
    **env.json("SLUICE", default={}),
}
