"""A compiled condition, evaluated: beside simpleeval and the CEL package (extra `bench`). Microseconds of CPU time."""

import argparse
import timeit
from collections.abc import Callable
from time import thread_time
from typing import Any

CONDITION = "{{$context.data.amount}} > 100 and {{$context.data.status}} == 'paid'"
CEL_CONDITION = "{{$context.data.amount}} > 100 && {{$context.data.status}} == 'paid'"
DATA = {"amount": 150, "status": "paid", **{f"field{number}": number for number in range(20)}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--number", type=int, default=5_000, help="evaluations a round")
    parser.add_argument("--rounds", type=int, default=9, help="rounds; the quickest counts")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print("| engine | µs an evaluation | µs to compile |")
    print("|---|---|---|")
    for name, evaluate, prepare in contestants():
        assert evaluate() is True
        shown = [
            min(timeit.repeat(call, timer=thread_time, number=number, repeat=arguments.rounds)) / number * 1e6
            for call, number in ((evaluate, arguments.number), (prepare, max(arguments.number // 20, 1)))
        ]
        print(f"| {name} | {shown[0]:.2f} | {shown[1]:.0f} |", flush=True)
    return 0


def contestants() -> list[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """Name, the evaluation over a scope that stands, and the compilation."""
    from workflows.expressions import compile_expression, compile_logic
    from workflows.expressions.engine import _compile

    scope = {"$context": {"data": DATA}}
    tree = {
        "group": {
            "type": "and",
            "calculations": [
                {"calculator": "gt", "operands": ["{{$context.data.amount}}", 100]},
                {"calculator": "equal", "operands": ["{{$context.data.status}}", "paid"]},
            ],
        }
    }
    rows: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = []
    for engine, text in (("math.js", CONDITION), ("formula.js", CONDITION), ("cel", CEL_CONDITION)):
        found = compile_expression(engine, text)
        rows.append(
            (engine, lambda found=found: found.evaluate(scope), lambda e=engine, t=text: _compile.__wrapped__(e, t))
        )
    logic = compile_logic(tree)
    rows.append(("basic, a tree", lambda: logic.evaluate(scope), lambda: compile_logic(tree)))
    return [*rows, *_others()]


def _others() -> list[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """The same question put to packages alone, without placeholders or budgets."""
    import celpy
    from simpleeval import SimpleEval

    names = {"amount": DATA["amount"], "status": DATA["status"]}
    simple = SimpleEval(names=names)
    text = "amount > 100 and status == 'paid'"
    parsed = simple.parse(text)
    environment = celpy.Environment()
    tree = environment.compile("amount > 100 && status == 'paid'")
    program = environment.program(tree)
    activation = {name: celpy.json_to_cel(value) for name, value in names.items()}
    return [
        ("simpleeval, parsed before", lambda: simple.eval(text, previously_parsed=parsed), lambda: simple.parse(text)),
        (
            "cel-python alone",
            lambda: bool(program.evaluate(activation)),
            lambda: environment.program(environment.compile("amount > 100 && status == 'paid'")),
        ),
    ]
