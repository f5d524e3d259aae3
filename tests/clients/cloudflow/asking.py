"""What the scripts share: the vendor's client for this server, and how they tell what they saw.

Arguments: the server's host and port, an access key id, its secret, and what else a script takes.
"""

import json
import sys

from alibabacloud_fnf20190315 import models as fnf
from alibabacloud_fnf20190315.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException
from alibabacloud_tea_openapi.utils_models import Config

ADDRESS, AK, SK, *MORE = sys.argv[1:]


def config(ak=AK, sk=SK):
    return Config(
        access_key_id=ak, access_key_secret=sk, endpoint=ADDRESS, protocol="http", region_id="cn-hangzhou"
    )  # fmt: skip


client = Client(config())


def tell(value):
    print(json.dumps(value), flush=True)


def work():
    """Has all that is due done."""
    tell("work")
    sys.stdin.readline()


def refused(call, *args):
    """[status, code, whether the refusal has an id] of one."""
    try:
        call(*args)
    except (ClientException, ServerException) as error:
        return [error.status_code, error.code, bool(error.request_id)]
    return "not refused"


def listed(flow, **parameters):
    return client.list_executions(fnf.ListExecutionsRequest(flow_name=flow, **parameters)).body


def start(flow, name=None, value=None, **parameters):
    given = None if value is None else json.dumps(value)
    return client.start_execution(
        fnf.StartExecutionRequest(flow_name=flow, execution_name=name, input=given, **parameters)
    ).body


def describe(flow, name, **parameters):
    request = fnf.DescribeExecutionRequest(flow_name=flow, execution_name=name, **parameters)
    return client.describe_execution(request).body


def stop(flow, name, **parameters):
    return client.stop_execution(fnf.StopExecutionRequest(flow_name=flow, execution_name=name, **parameters)).body


def events(flow, name, **parameters):
    request = fnf.GetExecutionHistoryRequest(flow_name=flow, execution_name=name, **parameters)
    return client.get_execution_history(request).body
