"""The stock Django admin of definitions. Pages are thin callers of `versions` and `editing`."""

from django.contrib import admin

from workflows import registries
from workflows.admin.categories import CategoryAdmin
from workflows.admin.history import HistoryEntryAdmin
from workflows.admin.hooks import hook_part
from workflows.admin.nodes import NodeAdmin
from workflows.admin.secrets import SecretAdmin
from workflows.admin.workflows import WorkflowAdmin
from workflows.models import Category, HistoryEntry, Node, Secret, Workflow

__all__ = ["CategoryAdmin", "HistoryEntryAdmin", "NodeAdmin", "SecretAdmin", "WorkflowAdmin"]

admin.site.register(Category, CategoryAdmin)
admin.site.register(HistoryEntry, HistoryEntryAdmin)
admin.site.register(Node, NodeAdmin)
admin.site.register(Secret, SecretAdmin)
admin.site.register(Workflow, WorkflowAdmin)
registries.register_workflow_part("webhook", hook_part)
