"""The older SDK, which the vendor still gives out. Takes nothing more."""

import json
import sys

from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkfnf.request.v20190315 import (
    DescribeExecutionRequest,
    GetExecutionHistoryRequest,
    ListExecutionsRequest,
    ListFlowsRequest,
    StartExecutionRequest,
    StopExecutionRequest,
)

ADDRESS, AK, SK, *_MORE = sys.argv[1:]


def tell(value):
    print(json.dumps(value), flush=True)


def ask(module, sk=SK, **parameters):
    request = getattr(module, module.__name__.rpartition(".")[2])()
    request.set_endpoint(ADDRESS)
    for name, value in parameters.items():
        getattr(request, f"set_{name}")(value)
    return json.loads(AcsClient(AK, sk, "cn-hangzhou").do_action_with_exception(request))


def refused(*args, **parameters):
    try:
        ask(*args, **parameters)
    except (ServerException, ClientException) as error:
        return [error.get_http_status(), error.get_error_code(), bool(error.get_request_id())]
    return "not refused"


begun = ask(StartExecutionRequest, FlowName="quick", ExecutionName="e1", Input='{"key":"值 +&=*~"}')
tell([begun["Name"], begun["Status"], json.loads(begun["Input"])])
ask(StartExecutionRequest, FlowName="slow", ExecutionName="e2")
tell("work")
sys.stdin.readline()
tell(ask(DescribeExecutionRequest, FlowName="quick", ExecutionName="e1", WaitTimeSeconds=5)["Output"])
tell(ask(StopExecutionRequest, FlowName="slow", ExecutionName="e2", Error="Tired", Cause="It took long.")["Status"])
for number in range(5):
    ask(StartExecutionRequest, FlowName="quick", ExecutionName=f"more-{number}")
found, token = [], ""
while True:
    given = {"NextToken": token} if token else {}
    page = ask(ListExecutionsRequest, FlowName="quick", Limit=2, **given)
    found += [each["Name"] for each in page["Executions"]]
    token = page.get("NextToken")
    if token is None:
        break
tell(found)
tell([each["Name"] for each in ask(ListExecutionsRequest, FlowName="quick", Status="Succeeded")["Executions"]])
tell(len(ask(GetExecutionHistoryRequest, FlowName="quick", ExecutionName="e1", Limit=1000)["Events"]))
tell([each["Name"] for each in ask(ListFlowsRequest)["Flows"]])
tell(
    [
        refused(ListExecutionsRequest, FlowName="nothing"), refused(ListExecutionsRequest),
        refused(ListExecutionsRequest, FlowName="quick", Limit=101),
        refused(ListExecutionsRequest, sk="another", FlowName="quick"),
        refused(StopExecutionRequest, FlowName="slow", ExecutionName="e2"),
    ]
)  # fmt: skip
