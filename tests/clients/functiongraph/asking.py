"""What the scripts share: the vendor's client for this server, and how they tell what they saw.

Arguments: the server's address, an access key id, its secret, its project, and what else a script takes.
"""

import json
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkfunctiongraph import v2

URL, AK, SK, PROJECT, *MORE = sys.argv[1:]


def make(ak=AK, sk=SK, project=PROJECT):
    credentials = BasicCredentials(ak, sk, project)
    return v2.FunctionGraphClient.new_builder().with_credentials(credentials).with_endpoint(URL).build()


client = make()


def tell(value):
    print(json.dumps(value), flush=True)


def work():
    """Has all that is due done."""
    tell("work")
    sys.stdin.readline()


def refused(call, *args, **kwargs):
    """[status, code, whether the id of the request came in the header] of a refusal."""
    try:
        call(*args, **kwargs)
    except ServiceResponseException as error:
        return [error.status_code, error.error_code, bool(error.request_id)]
    return "not refused"


def executions(workflow, **parameters):
    request = v2.ListWorkflowExecutionsRequest(workflow_id=workflow, **parameters)
    return client.list_workflow_executions(request).executions


def page(workflow, **parameters):
    request = v2.ShowWorkflowExecutionForPageRequest(workflow_id=workflow, **parameters)
    return client.show_workflow_execution_for_page(request)


def start(workflow, value=None, **headers):
    body = v2.FlowExecuteBody(headers={"a": "1"}, input={} if value is None else value)
    request = v2.StartWorkflowExecutionRequest(workflow_id=workflow, body=body, **headers)
    return client.start_workflow_execution(request).execution_id


def show(workflow, execution, **headers):
    request = v2.ShowWorkflowExecutionRequest(workflow_id=workflow, execution_id=execution, **headers)
    return client.show_workflow_execution(request)
