"""Alibaba CloudFlow's Flow Definition Language, in its new form and its old one (spec cloud-dialects 4.1, 4.2)."""

from workflows.transfer.fdl.reading import definition_of, detect, read
from workflows.transfer.fdl.rendering import render
from workflows.transfer.readers import Reader

__all__ = ["FDL", "definition_of", "render"]

FDL = Reader("fdl", "FDL (CloudFlow)", detect, read)
