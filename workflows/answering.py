"""What a synchronous run answers the request that set it off (spec 4.3-4.6, 5.24, 5.29).

Who serves the request makes an `Answer`, hands it over with the event, and reads it when `dispatch` has returned:

    answer = Answer()
    dispatch([Event(listener, context, answer=answer)])
    if answer.verdict is Verdict.REFUSED:
        return JsonResponse({"errors": answer.messages}, status=400)
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal
from wsgiref.util import is_hop_by_hop

from workflows.statuses import JobStatus

#: What of a request a step's result answers: one more message, or the whole response.
Part = Literal["message", "response"]

#: What a server in front takes as an order, such as to send a file of its own.
_ORDERS = re.compile(r"content-length|x-accel-.*|x-sendfile.*|x-lighttpd-send-.*", re.IGNORECASE)


def is_the_servers(name: str) -> bool:
    """Whether a header of an answer is for servers alone to write."""
    return is_hop_by_hop(name) or _ORDERS.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Response:
    """What a `response` step made; secrets are masked in it, as in its job."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    #: Any JSON value. A text is sent as it stands, all else as JSON.
    body: Any = None


class Verdict(StrEnum):
    """What a run means to a chain of them in one request."""

    #: It resolved: the next one's turn, or the request goes on.
    NEXT = "next"
    #: An `end` node resolved it: nothing further runs, and the request has succeeded.
    STOP = "stop"
    #: An `end` node failed it: the messages are the client's errors (400).
    REFUSED = "refused"
    #: It failed in another way, or never began, as it stands too often among its own ancestors (500).
    FAILED = "failed"
    #: It waits for something, and the request can't (500). Workers go on with it, and answer nothing.
    HANGS = "hangs"


@dataclass(slots=True)
class Answer:
    """The request's side of one run; a run without one is asked by nobody."""

    #: In the order of their steps, rendered; never empty texts.
    messages: list[str] = field(default_factory=list)
    response: Response | None = None
    #: The run's status: 0 while it waits, None if none was begun.
    status: int | None = None
    #: The status of the job that was settled last, and whether that is an `end` node's.
    last_job_status: int | None = None
    ended_by_end_node: bool = False

    @property
    def verdict(self) -> Verdict:
        if self.status == JobStatus.PENDING:
            return Verdict.HANGS
        if self.status is not None and self.status > 0:
            return Verdict.STOP if self.ended_by_end_node else Verdict.NEXT
        return Verdict.REFUSED if self.ended_by_end_node else Verdict.FAILED

    def settled(self, kind: str, status: int, result: Any, part: Part | None) -> None:
        """A job of the run, of a node of this kind, has got this status and result."""
        self.last_job_status = int(status)
        self.ended_by_end_node = kind == "end"
        if part == "message" and result:
            self.messages.append(result)
        elif part == "response":
            headers = tuple((header["name"], header["value"]) for header in result["headers"])
            self.response = Response(result["status"], headers, result["body"])
