"""What is asked before runs are cancelled or deleted: how many are meant, what becomes of them, and why."""

from collections.abc import Sequence

from django.contrib.admin import AdminSite
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from executions.admin.operating import MOST
from executions.models import Execution, Job
from executions.statuses import ExecutionStatus
from workflows.admin.base import COUNTED, confirm_page
from workflows.admin.forms import ReasonForm


def ask_cancel(
    request: HttpRequest, site: AdminSite, ids: Sequence[int], form: ReasonForm, *, action: str = "", back: str = ""
) -> HttpResponse:
    """Counts what ends and what has ended already."""
    chosen = ids[:MOST]
    going = Execution.objects.filter(pk__in=chosen, ended_at=None).count()
    left = len(chosen) - going
    sentences = []
    if going:
        sentence = ngettext(
            "%d execution ends as Aborted, with all it waits for.",
            "%d executions end as Aborted, with all they wait for.",
            going,
        )
        sentences += [
            sentence % going,
            _("What has been done stays done, and an aborted execution does not go on."),
        ]
    if left:
        sentence = ngettext(
            "%d has ended already and is left as it is.", "%d have ended already and are left as they are.", left
        )
        sentences.append(sentence % left)
    return _ask(
        request, site, ids, sentences, form, title=_("Cancel executions?"), submit=_("Yes, cancel"), action=action,
        back=back,
    )  # fmt: skip


def ask_deletion(
    request: HttpRequest, site: AdminSite, ids: Sequence[int], form: ReasonForm, *, action: str = "", back: str = ""
) -> HttpResponse:
    """Counts what goes and what is refused; a list of jobs could be millions long."""
    chosen = ids[:MOST]
    refused = Execution.objects.filter(pk__in=chosen, status=ExecutionStatus.STARTED).count()
    going = len(chosen) - refused
    jobs = Job.objects.filter(execution__in=chosen).exclude(execution__status=ExecutionStatus.STARTED)
    sentences = []
    if going:
        sentences.append(ngettext("%d execution goes,", "%d executions go,", going) % going + _jobs_text(jobs))
    if refused and not going:
        sentence = ngettext(
            "It can't be deleted: it runs or waits. Cancel it first.",
            "None of these %(count)d can be deleted: they run or wait. Cancel them first.",
            refused,
        )
        sentences.append(sentence % {"count": refused})
    elif refused:
        sentence = ngettext(
            "%d runs or waits and is refused; cancel it first.",
            "%d run or wait and are refused; cancel them first.",
            refused,
        )
        sentences.append(sentence % refused)
    return _ask(
        request, site, ids, sentences, form, title=_("Delete executions?") if going else _("Nothing can be deleted"),
        submit=_("Delete") if going else "", action=action, back=back,
    )  # fmt: skip


def ask_rerun(
    request: HttpRequest,
    site: AdminSite,
    ids: Sequence[int],
    sentences: Sequence[str],
    form: ReasonForm,
    *,
    action: str,
) -> HttpResponse:
    """Tells what a rerun does to those that have not ended."""
    return _ask(
        request, site, ids, sentences, form, title=_("Rerun from the start?"), submit=_("Yes, rerun"), action=action
    )


def _ask(
    request: HttpRequest, site: AdminSite, ids: Sequence[int], sentences: Sequence[str], form: ReasonForm, **page: str
) -> HttpResponse:
    more = [_("Only the first %d are taken; do it again for the rest.") % MOST] if len(ids) > MOST else []
    return confirm_page(
        request, site=site, model=Execution, names=[f"#{pk}" for pk in ids], sentences=[*sentences, *more],
        selected=ids, form=form, **page,
    )  # fmt: skip


def _jobs_text(jobs: QuerySet[Job]) -> str:
    """How many jobs, up to the most that a list counts."""
    count = jobs.order_by()[: COUNTED + 1].count()
    if count > COUNTED:
        return _(" with more than %d jobs.") % COUNTED
    return ngettext(" with %d job.", " with %d jobs.", count) % count
