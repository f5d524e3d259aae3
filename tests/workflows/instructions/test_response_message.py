"""Messages for whoever sent the request (spec 5.24)."""

import pytest

from workflows.instructions.response_message import ResponseMessage


@pytest.mark.parametrize(
    ("message", "text"),
    [("Saved {{$context.name}}.", "Saved Ada."), ("{{$context.n}}", "2"), ("{{$context.none}}", ""), (None, "")],
)
def test_a_message_is_a_text(message, text, make_step):
    scope = {"$context": {"name": "Ada", "n": 2}}
    step = make_step(ResponseMessage, {"message": message}, scope=scope, in_request=True)
    outcome = ResponseMessage().run(step)
    assert (outcome.status, outcome.result, outcome.answers) == (1, text, "message")
    assert step.input == {"message": text}


def test_case_199_without_a_request_there_is_no_result(make_step):
    outcome = ResponseMessage().run(make_step(ResponseMessage, {"message": "Hello"}))
    assert (outcome.status, outcome.result, outcome.answers) == (1, None, None)
    assert outcome.log == [("INFO", "No request waits for this message.")]
