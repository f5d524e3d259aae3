"""One pattern that matches registered resources only, so that whatever else lives under the prefix still works.

path("api/", include("executions.dialects.nocobase.urls"))
"""

from django.urls import path, register_converter

from executions.dialects.nocobase import grammar
from executions.dialects.nocobase.grammar import Target
from executions.dialects.nocobase.registry import resource_of
from executions.dialects.nocobase.view import NocoBaseView


class TargetConverter:
    regex = ".+"

    def to_python(self, value: str) -> Target:
        """Raises `ValueError` for what is none of ours."""
        target = grammar.parse(value)
        if target is None or resource_of(target) is None:
            raise ValueError(value)
        return target

    def to_url(self, value: str) -> str:
        return value


register_converter(TargetConverter, "nocobase")

urlpatterns = [path("<nocobase:target>", NocoBaseView.as_view(), name="sluice-nocobase")]
