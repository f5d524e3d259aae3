"""Registers the kinds that come with the distribution, in the order people choose from."""

from typing import Any

from workflows.instructions import Instruction, register_instruction


def register_builtin() -> None:
    # Imported late: the kinds need the app registry.
    from workflows.channels import register_channel
    from workflows.channels.mail import MailChannel
    from workflows.channels.webhook import WebhookChannel
    from workflows.instructions.aggregate import Aggregate
    from workflows.instructions.approval import Approval
    from workflows.instructions.calculation import Calculation
    from workflows.instructions.callback import Callback
    from workflows.instructions.cc import Cc
    from workflows.instructions.condition import Condition
    from workflows.instructions.create import Create
    from workflows.instructions.date_calculation import DateCalculation
    from workflows.instructions.delay import Delay
    from workflows.instructions.destroy import Destroy
    from workflows.instructions.dynamic_calculation import DynamicCalculation
    from workflows.instructions.end import End
    from workflows.instructions.json_query import JsonQuery
    from workflows.instructions.json_variable_mapping import JsonVariableMapping
    from workflows.instructions.llm import Llm
    from workflows.instructions.loop import Loop
    from workflows.instructions.mailer import Mailer
    from workflows.instructions.manual import Manual
    from workflows.instructions.multi_conditions import MultiConditions
    from workflows.instructions.notification import Notification
    from workflows.instructions.output import Output
    from workflows.instructions.parallel import Parallel
    from workflows.instructions.query import Query
    from workflows.instructions.request import Request
    from workflows.instructions.response import Response
    from workflows.instructions.response_message import ResponseMessage
    from workflows.instructions.script import Script
    from workflows.instructions.sql import Sql
    from workflows.instructions.subflow import Subflow
    from workflows.instructions.transaction import Transaction
    from workflows.instructions.update import Update
    from workflows.instructions.variable import Variable

    kinds: tuple[type[Instruction[Any]], ...] = (
        *(Condition, MultiConditions, Loop, Parallel, Transaction, Delay, Subflow, Output, End),
        *(Calculation, Create, Update, Destroy, Query, Aggregate),
        *(Variable, DateCalculation, DynamicCalculation, JsonQuery, JsonVariableMapping),
        *(Manual, Approval, Cc),
        *(Request, Callback, Response, ResponseMessage, Sql, Script, Mailer, Notification, Llm),
    )
    for kind in kinds:
        register_instruction(kind)
    for channel in (MailChannel, WebhookChannel):
        register_channel(channel)
