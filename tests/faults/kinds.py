"""Node kinds for faults: each does its `act` in memory ("t-do"), in a savepoint ("t-write") or outside ("t-call").

Acts are functions of the step, by name. Those of this module work in victims too, where SLUICE_VICTIM is set; a test
adds its own with the fixture `acts`.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from config.shop.models import Customer
from workflows import instructions
from workflows.expressions import compile_template
from workflows.instructions.base import ChildRequest, Effect, Instruction, NodeConfig, Outcome, Step, Wait
from workflows.statuses import JobStatus

Act = Callable[[Step], Outcome]


class ActConfig(NodeConfig):
    act: str
    value: Any = None


class Do(Instruction[ActConfig]):
    type = "t-do"
    title = "Do"
    Config = ActConfig

    def compile(self, config: ActConfig) -> Any:
        return compile_template(config.value)

    def run(self, step: Step) -> Outcome:
        return ACTS[step.config.act](step)


class Write(Do):
    type = "t-write"
    title = "Write"
    effect = Effect.TRANSACTIONAL


class Call(Do):
    type = "t-call"
    title = "Call"
    effect = Effect.EXTERNAL

    def perform(self, step: Step) -> Outcome:
        return ACTS[step.config.act](step)


class CallOnce(Call):
    """A call whose second time might do its work a second time."""

    type = "t-call-once"
    title = "Call once"
    on_lost = "error"


def value(step: Step) -> Any:
    return step.compiled.render(step.scope)


def _victim() -> bool:
    return "SLUICE_VICTIM" in os.environ


def _give(step: Step) -> Outcome:
    return Outcome(result=value(step))


def _fail(step: Step) -> Outcome:
    return Outcome(JobStatus.FAILED, {"message": "It failed."})


def _sleep(step: Step) -> Outcome:
    time.sleep(value(step))
    return Outcome()


def _wait(step: Step) -> Outcome:
    """For somebody outside, at most as many seconds as its value."""
    return Outcome(JobStatus.PENDING, wait=Wait.OUTSIDE, delay=value(step))


def _child(step: Step) -> Outcome:
    """For a run of the workflow whose id its value is."""
    return Outcome(JobStatus.PENDING, wait=Wait.OUTSIDE, child=ChildRequest(value(step), {"data": {}}))


def _create(step: Step) -> Outcome:
    Customer.objects.create(name=str(value(step)))
    return Outcome()


def _create_and_fail(step: Step) -> Outcome:
    _create(step)
    return _fail(step)


def _create_second_time(step: Step) -> Outcome:
    return _create(step) if step.attempt > 1 else _create_and_fail(step)


def _die(step: Step) -> Outcome:
    if _victim():
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome()


def _die_of(step: Step) -> Outcome:
    """Kills whoever runs it, if its value says so."""
    return _die(step) if value(step) else Outcome()


def _freeze(step: Step) -> Outcome:
    if _victim():
        os.kill(os.getpid(), signal.SIGSTOP)
    return Outcome()


def _stop(step: Step) -> Outcome:
    """Writes a row, then freezes the process that wrote it."""
    _create(step)
    return _freeze(step)


_OWN: dict[str, Act] = {
    "give": _give,
    "fail": _fail,
    "sleep": _sleep,
    "wait": _wait,
    "child": _child,
    "create": _create,
    "create and fail": _create_and_fail,
    "create second time": _create_second_time,
    "die": _die,
    "die of": _die_of,
    "freeze": _freeze,
    "stop": _stop,
}
ACTS: dict[str, Act] = dict(_OWN)


def register() -> None:
    for kind in (Do, Write, Call, CallOnce):
        instructions.register_instruction(kind)


@contextmanager
def known() -> Iterator[dict[str, Act]]:
    """The kinds above, and whatever acts a test adds, are known inside and forgotten after."""
    before = dict(instructions._registry)
    register()
    yield ACTS
    instructions._registry.clear()
    instructions._registry.update(before)
    ACTS.clear()
    ACTS.update(_OWN)
