"""The six calls of the interface, and what is none of them."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from executions import accesskeys, masking, once
from executions.dialects.clouds import numbered
from executions.dialects.clouds.caller import Caller
from executions.dialects.clouds.view import CloudView
from executions.dialects.clouds.waiting import wait_for_begun
from executions.dialects.iflyrpa import answers, questions
from executions.dialects.iflyrpa.questions import Unprocessable, Unreadable
from executions.models import Execution
from executions.models.keys import Dialect
from executions.store import session
from workflows.actions import Origin
from workflows.errors import BadToken, Forbidden, NotFound, Refused, SluiceError, TooLarge
from workflows.listing.pages import as_id
from workflows.models import Workflow
from workflows.visibility import visible

#: How long `execute` waits for the end of a run. The vendor says ten minutes; proxies and servers before us commonly
#: give a request one, and a caller whom they cut off has no id to ask with.
WAIT_SECONDS = 50.0


class View(CloudView):
    origin = Origin.IFLYRPA
    http_method_names = ["get", "head", "post"]

    @sensitive_variables("rest")
    def authenticate_caller(self, request: Request) -> Caller:
        scheme, *rest = str(request.META.get("HTTP_AUTHORIZATION", "")).split()[:3] or [""]
        if scheme.lower() != "bearer" or len(rest) != 1:
            raise BadToken(_("Send an access key: Authorization: Bearer <key>."))
        key = accesskeys.find_bearer(rest[0], Dialect.IFLYRPA)
        if key is None:
            raise BadToken(_("This access key opens nothing here; it is unknown, revoked, or for something else."))
        return Caller(key)

    def shape_error(self, error: Exception) -> Response | None:
        if isinstance(error, Unprocessable):
            return answers.detail(error.entries, 422)
        if isinstance(error, Unreadable):
            return answers.detail(_("The body can't be read; send JSON in UTF-8."), 400)
        if isinstance(error, BadToken):
            return answers.detail(str(error), 401, {"WWW-Authenticate": "Bearer"})
        if isinstance(error, Forbidden | TooLarge):
            return answers.detail(str(error), error.status)
        if isinstance(error, SluiceError):
            return answers.failure(str(error))
        return _of_framework(error) if isinstance(error, APIException) else None

    def shape_crash(self) -> Response:
        return answers.failure(_("Something went wrong on the server."), 500)

    def own_runs(self) -> QuerySet[Execution]:
        """Newest first."""
        self.caller.require("executions.view_execution")
        return self.caller.runs().filter(created_by=self.caller.user).order_by("-id")

    def flows(self) -> QuerySet[Workflow]:
        self.caller.require("workflows.view_workflow")
        return self.caller.flows().order_by("-id")

    def asked(self, model: type[questions.M]) -> questions.M:
        return questions.of_query(self.request.META.get("QUERY_STRING", ""), model)


def _of_framework(error: APIException) -> Response:
    wait = getattr(error, "wait", None)
    headers = {} if wait is None else {"Retry-After": str(int(wait) + 1)}
    return answers.detail(str(error.detail), error.status_code, headers)


def _first(page: questions.Paging) -> int:
    """The place of a page's first row."""
    return (page.number - 1) * page.size


class ExecutionsView(View):
    def get(self, request: Request) -> Response:
        """A page of the caller's own runs, with exact totals."""
        runs, page = self.own_runs(), self.asked(questions.Paging)
        total = numbered.total(runs)
        rows = numbered.page(runs, _first(page), page.size, answers.COLUMNS, total)
        masking.hide_runs(rows)
        return answers.success(
            {
                "executions": [answers.execution(row) for row in rows],
                "total": total,
                "pageNo": page.number,
                "pageSize": page.size,
                "total_pages": -(-total // page.size),
            }
        )


class ExecutionView(View):
    def get(self, request: Request, execution_id: str) -> Response:
        pk = as_id(execution_id)
        row = None if pk is None else self.own_runs().filter(pk=pk).only(*answers.COLUMNS).first()
        if row is None:
            return answers.failure(_("You have no execution %s.") % execution_id[:100], 404)
        return answers.success({"execution": _shown(row)})


class WorkflowsView(View):
    def get(self, request: Request) -> Response:
        flows, page = self.flows(), self.asked(questions.WidePaging)
        total = flows.order_by().count()
        rows = flows[_first(page) : _first(page) + page.size] if _first(page) < total else []
        return answers.success({"total": total, "records": [answers.workflow(row) for row in rows]})


class WorkflowView(View):
    def get(self, request: Request, project_id: str) -> Response:
        row = _named(self.flows(), project_id)
        if row is None:
            # Not a failure at the vendor's either.
            return answers.success(None, _no_project(project_id))
        return answers.success({"workflow": answers.workflow(row)})


class Starting(View):
    """What both ways to start a run share."""

    throttle_scope = "execute"

    def started(self, *, queued: bool) -> Execution:
        """The run that the body asks for. Raises `SluiceError`, `Unprocessable` and `Unreadable`."""
        self.caller.require("workflows.execute_workflow")
        asked = questions.of_body(self.raw, str(self.request.META.get("CONTENT_TYPE", "")), questions.Execute)
        version = self._version(asked)
        values = {} if asked.params is None else asked.params
        begun = once.execute(
            version,
            values,
            by=self.caller.user,
            key=asked.idempotency_key,
            # A synchronous one has its end in the call that starts it.
            queued=queued and not version.sync,
        ).execution
        if begun is None:
            raise Refused(_("The params don't meet the condition of the workflow's trigger; nothing was started."))
        return begun

    def _version(self, asked: questions.Execute) -> Workflow:
        """The current version, or the one that was named. Raises `NotFound` and `Refused`."""
        current = _named(self.caller.flows(), asked.project_id)
        if current is None:
            raise NotFound(_no_project(asked.project_id))
        if not current.enabled:
            raise Refused(_("Workflow %s is not enabled; enable it first.") % current)
        if asked.version is None or asked.version == current.version:
            return current
        versions = Workflow.objects.filter(key=current.key, version=asked.version)
        named = visible(versions, self.caller.user).first()
        if named is None:
            raise NotFound(
                _("Workflow %(workflow)s has no version %(version)s.")
                % {"workflow": current.title, "version": str(asked.version)[:20]}
            )
        return named


class ExecuteAsyncView(Starting):
    def post(self, request: Request) -> Response:
        """Starts a run and answers its id at once."""
        return answers.success({"executionId": str(self.started(queued=True).pk)})


class ExecuteView(Starting):
    def post(self, request: Request) -> Response:
        """Starts a run and waits for its end; of one that takes longer, its id."""
        begun = self.started(queued=False)
        ended = _ended(begun.pk)
        return answers.success({"execution": answers.unfinished(begun) if ended is None else _shown(ended)})


class UnknownView(View):
    def authenticate_caller(self, request: Request) -> Caller:
        raise NotFound("Not Found")

    def shape_error(self, error: Exception) -> Response | None:
        return answers.detail("Not Found", 404)


def _ended(execution_id: int) -> Execution | None:
    """The run, once it has ended; None after the longest wait."""
    runs = Execution.objects.using(session.alias()).filter(pk=execution_id).ended().only(*answers.COLUMNS)
    return runs.first() or (runs.first() if wait_for_begun(execution_id, WAIT_SECONDS) else None)


def _shown(row: Execution) -> dict[str, Any]:
    masking.hide_runs([row])
    return answers.execution(row)


def _named(flows: QuerySet[Workflow], project_id: str) -> Workflow | None:
    """By its key, else by its name."""
    # No database compares a text with NUL.
    found = [] if "\x00" in project_id else list(flows.filter(Q(key=project_id) | Q(name=project_id)))
    return min(found, key=lambda row: row.key != project_id, default=None)


def _no_project(project_id: str) -> str:
    return _("There is no workflow %r that you may see; name it by its project_id.") % project_id[:100]
