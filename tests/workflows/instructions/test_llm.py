import json
from collections.abc import Iterator
from typing import Any

import pytest

from executions import start
from executions.models import Execution, Job
from executions.statuses import ExecutionStatus
from executions.testing import drain
from tests.building import build
from tests.web import Web
from workflows.conf import conf
from workflows.errors import Invalid
from workflows.instructions.base import Effect
from workflows.instructions.llm import Llm
from workflows.statuses import JobStatus
from workflows.trying import try_node

KEY = "sk-very-hidden"
ANSWER = {
    "id": "chat-1",
    "object": "chat.completion",
    "model": "small-1",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes.", "refusal": None}}
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
}
ASK = {"llmService": "ours", "messages": [{"role": "user", "content": "Is it?"}]}


@pytest.fixture
def web(settings: Any) -> Iterator[Web]:
    web = Web()
    web.body = json.dumps(ANSWER).encode()
    settings.SLUICE = {
        "REQUEST_ALLOW": ["127.0.0.1"],
        "LLM": {
            "ours": {"url": f"{web.url}/v1/", "key": KEY, "model": "small"},
            "open": {"url": f"{web.url}/v1"},
        },
    }
    yield web
    web.close()


@pytest.fixture
def ask(web: Web, make_step: Any) -> Any:
    def ask(scope: Any = None, timeout: float = 30.0, **config: Any) -> Any:
        step = make_step(Llm, ASK | config, scope={"$context": scope or {}}, timeout=timeout, idempotency_key="7-3")
        return Llm().perform(step)

    return ask


def sent(web: Web) -> Any:
    return json.loads(web.calls[-1][3])


def test_the_answer(ask: Any, web: Web) -> None:
    outcome = ask()
    assert outcome.status == JobStatus.RESOLVED
    assert outcome.result == {
        "id": "chat-1",
        "content": "Yes.",
        "additionalKwargs": {"refusal": None},
        "responseMetadata": {"model": "small-1", "finishReason": "stop", "usage": ANSWER["usage"]},
        "toolCalls": [],
        "structuredContent": None,
    }
    _method, path, headers, _body = web.calls[0]
    assert (path, headers["Authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert headers["Idempotency-Key"] == "7-3"
    assert sent(web) == {"model": "small", "messages": [{"role": "user", "content": "Is it?"}]}


def test_what_is_asked(ask: Any, web: Web) -> None:
    picture = {"type": "image_url", "image_url": {"url": "{{$context.url}}"}}
    ask(
        {"name": "Ada", "url": "https://example.com/a.png", "warm": 0.5},
        llmService="open",
        model="{{$context.name}}",
        modelOptions={"temperature": "{{$context.warm}}", "maxTokens": 20, "stop": None, "api_base": "http://evil"},
        messages=[
            {"role": "system", "message": "You are {{$context.name}}."},
            {"role": "user", "content": [{"type": "text", "text": "Hi {{$context.name}}"}, picture]},
        ],
    )
    assert sent(web) == {
        "model": "Ada",
        "temperature": 0.5,
        "max_tokens": 20,
        "messages": [
            {"role": "system", "content": "You are Ada."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Hi Ada"},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                ],
            },
        ],
    }
    assert web.calls[0][2]["Authorization"] is None


@pytest.mark.parametrize("as_text", [False, True])
def test_an_answer_of_a_form(ask: Any, web: Web, as_text: bool) -> None:
    message = {"role": "assistant", "content": '{"yes": true}'}
    web.body = json.dumps({"id": "c", "choices": [{"message": message}]}).encode()
    schema: Any = {"type": "object", "properties": {"yes": {"type": "boolean"}}}
    wanted = {"schema": json.dumps(schema) if as_text else schema, "name": "verdict", "strict": True}
    assert ask(structuredOutput=wanted).result["structuredContent"] == {"yes": True}
    assert sent(web)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "verdict", "strict": True, "schema": schema},
    }


def test_calls_of_tools_are_kept(ask: Any, web: Web) -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    web.body = json.dumps({"choices": [{"message": {"content": None, "tool_calls": [call]}}]}).encode()
    assert ask().result["toolCalls"] == [call]


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (401, {"error": {"message": f"The key {KEY} is wrong."}}, "401", "The key ****** is wrong."),
        (500, f"broken {KEY}", "500", '500: "broken ******"'),
        (200, "no JSON object", "ERR_BAD_RESPONSE", "no message"),
        (200, {"choices": []}, "ERR_BAD_RESPONSE", "no message"),
        (200, None, "ERR_BAD_RESPONSE", "no JSON"),
    ],
)
@pytest.mark.parametrize("ignore", [False, True])
def test_a_failure_is_an_error_and_tells_no_key(
    ask: Any, web: Web, status: int, body: Any, code: str, said: str, ignore: bool
) -> None:
    web.status, web.body = status, b"<html>" if body is None else json.dumps(body).encode()
    outcome = ask(ignoreFail=ignore)
    assert outcome.status == (JobStatus.RESOLVED if ignore else JobStatus.ERROR)
    assert outcome.result["code"] == code
    assert said in outcome.result["message"]
    assert KEY not in json.dumps(outcome.result)


def test_an_answer_that_is_not_of_the_form_is_an_error(ask: Any) -> None:
    outcome = ask(structuredOutput={"schema": {"type": "object"}})
    assert (outcome.status, outcome.result["code"]) == (JobStatus.ERROR, "ERR_BAD_RESPONSE")


def test_a_service_that_takes_too_long(ask: Any, web: Web) -> None:
    web.seconds = 1.0
    outcome = ask(timeout=0.2)
    assert (outcome.status, outcome.timed_out) == (JobStatus.ERROR, True)


def test_a_service_that_is_gone_from_the_settings_is_an_error(ask: Any, settings: Any) -> None:
    settings.SLUICE = {"LLM": {}}
    outcome = ask()
    assert (outcome.status, outcome.result["code"]) == (JobStatus.ERROR, "invalid")


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"llmService": "nowhere"}, "llmService"),
        ({"llmService": "open"}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot"}]}, "messages.0.role"),
        ({"structuredOutput": {"schema": "no JSON"}}, "structuredOutput.schema"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(web: Web, config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        Llm().check(Llm().parse(ASK | config))
    assert list(raised.value.errors) == [field]


def test_it_is_performed_once_and_its_input_has_no_key(make_step: Any, web: Web) -> None:
    config = Llm().parse(ASK)
    assert (Llm().effect_of(config), Llm().on_lost_of(config)) == (Effect.EXTERNAL, "error")
    shown = Llm().input_of(make_step(Llm, ASK))
    assert shown["messages"] == [{"role": "user", "content": "Is it?"}]
    assert KEY not in json.dumps(shown) + repr(conf())


@pytest.mark.django_db
def test_it_is_tried_alone(web: Web) -> None:
    assert try_node("llm", ASK).result["content"] == "Yes."


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sync", [False, True])
def test_a_run_asks(sync: bool, web: Web) -> None:
    execution = start(build([("llm", ASK)], sync=sync), {})
    drain()
    assert execution is not None
    assert Execution.objects.get(pk=execution.pk).status == ExecutionStatus.RESOLVED
    assert Job.objects.get(execution=execution).result["content"] == "Yes."
