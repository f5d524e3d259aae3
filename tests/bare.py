"""A project of one file, with the apps it is called with: what a host needs, and nothing of ours besides."""

#: Ends with a superuser `user`; the apps are the first argument, with commas between.
PROJECT = """
import sys
import django
from django.conf import settings
from django.urls import include, path

apps = sys.argv[1].split(",")
admin, api = "django.contrib.admin" in apps, "rest_framework" in apps
settings.configure(
    SECRET_KEY="a key of a project in a test, more than fifty characters long",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
    USE_TZ=True,
    STATIC_URL="/static/",
    DATABASES={"default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "bare.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;"},
    }},
    INSTALLED_APPS=apps,
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "workflows.ambient.ActorMiddleware",
    ] if admin else [],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]},
    }],
)
django.setup()

from django.core.management import call_command
from django.test import Client

urlpatterns = []
if admin:
    from django.contrib import admin as pages
    urlpatterns.append(path("admin/", pages.site.urls))
if api:
    urlpatterns += [
        path("api/", include("workflows.api.urls")),
        path("api/", include("executions.api.urls")),
    ]

call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0)

from django.contrib.auth import get_user_model
from workflows import versions

user = get_user_model().objects.create_superuser("admin", "admin@example.com", "admin")
"""

OURS = ("django.contrib.auth", "django.contrib.contenttypes", "workflows", "executions")
ADMIN = (
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
)
API = ("rest_framework", "django_filters")
