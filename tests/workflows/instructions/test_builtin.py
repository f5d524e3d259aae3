import json
import re
from pathlib import Path
from typing import Any

import pytest

from workflows.instructions import get_instruction, instructions
from workflows.instructions.base import Effect, Instruction
from workflows.instructions.builtin import register_builtin

KINDS = [
    *("condition", "multi-conditions", "calculation", "loop", "parallel", "delay", "output", "end", "request"),
    *("subflow", "approval", "callback"),
    *("create", "update", "destroy", "query", "aggregate", "sql", "script", "mailer", "notification", "llm"),
    *("transaction", "response", "response-message"),
    *("manual", "cc"),
    *("variable", "dateCalculation", "dynamic-calculation", "json-query", "json-variable-mapping"),
]
DOCS = Path(__file__).resolve().parents[3] / "docs" / "nodes.md"
EXAMPLES = re.findall(r"```json config=(\S+)\n(.*?)```", DOCS.read_text(), re.DOTALL)


@pytest.mark.parametrize("kind", KINDS)
def test_is_registered_under_its_type_with_what_people_see(kind: str) -> None:
    register_builtin()
    instruction = get_instruction(kind)
    assert instruction.type == kind
    assert str(instruction.title)
    assert str(instruction.group)
    assert str(instruction.description).endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_has_the_method_its_effect_asks_for(kind: str) -> None:
    instruction = instructions()[kind]
    method = "perform" if instruction.effect is Effect.EXTERNAL else "run"
    assert getattr(type(instruction), method) is not getattr(Instruction, method)


@pytest.mark.parametrize(("kind", "text"), EXAMPLES, ids=[kind for kind, _text in EXAMPLES])
def test_the_example_of_the_documentation_is_accepted(kind: str, text: str, settings: Any) -> None:
    settings.SLUICE = {
        "SQL_ALIASES": {"default": "read"},
        "CHANNELS": {"ops": {"type": "webhook", "url": "https://chat.example.com/hook"}},
        "LLM": {"openai": {"url": "https://api.openai.com/v1"}},
        "SCRIPT": {"enabled": True},
    }
    instruction = get_instruction(kind)
    instruction.check(instruction.parse(json.loads(text)))


def test_every_kind_has_an_example() -> None:
    assert {kind for kind, _text in EXAMPLES} == set(KINDS)
