"""`path("hooks/", include("workflows.hooks.urls"))` gives each webhook workflow its address, `/hooks/<key>/`."""

from django.urls import path

from workflows.hooks.views import receive

app_name = "hooks"
urlpatterns = [path("<str:key>/", receive, name="receive"), path("<str:key>", receive)]
