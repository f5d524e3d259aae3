"""path("v2/", include("executions.dialects.functiongraph.urls"))

All below <project>/fgs is answered here, what is none of the calls too, so that nothing is redirected: the client takes
a redirect for an empty answer.
"""

from django.db.transaction import non_atomic_requests
from django.urls import re_path

from executions.dialects.functiongraph.view import FunctionGraphView

# Where a host puts requests into transactions: a run that is not committed has no end to wait for.
_view = non_atomic_requests(FunctionGraphView.as_view())

urlpatterns = [re_path(r"^(?P<project>[^/]+)/fgs(?P<rest>(?s:/.*)?)\Z", _view, name="sluice-functiongraph")]
