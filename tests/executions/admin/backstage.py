"""Two sites of a host's own: one with our pages, one without."""

from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.urls import path

from executions.admin import ExecutionAdmin, JobAdmin, TaskAdmin
from executions.models import Execution, Job, Task
from workflows.admin import NodeAdmin, WorkflowAdmin
from workflows.models import Node, Workflow

backstage, plain = AdminSite(name="backstage"), AdminSite(name="plain")
for site in (backstage, plain):
    site.register(get_user_model(), UserAdmin)
OURS = ((Task, TaskAdmin), (Execution, ExecutionAdmin), (Job, JobAdmin), (Workflow, WorkflowAdmin), (Node, NodeAdmin))
for model, model_admin in OURS:
    backstage.register(model, model_admin)

urlpatterns = [path("backstage/", backstage.urls), path("plain/", plain.urls)]
