"""FunctionGraph's form: the JSON body of its create-workflow call (spec cloud-dialects 4.3)."""

from workflows.transfer.functiongraph.reading import detect, read
from workflows.transfer.functiongraph.rendering import rendered
from workflows.transfer.readers import Reader

__all__ = ["FUNCTIONGRAPH", "rendered"]

FUNCTIONGRAPH = Reader("functiongraph", "FunctionGraph", detect, read)
