"""The stock Django admin of definitions. Pages are thin callers of `versions` and `editing`."""

from django.contrib import admin

from workflows.admin.categories import CategoryAdmin
from workflows.admin.nodes import NodeAdmin
from workflows.admin.workflows import WorkflowAdmin
from workflows.models import Category, Node, Workflow

__all__ = ["CategoryAdmin", "NodeAdmin", "WorkflowAdmin"]

admin.site.register(Category, CategoryAdmin)
admin.site.register(Node, NodeAdmin)
admin.site.register(Workflow, WorkflowAdmin)
