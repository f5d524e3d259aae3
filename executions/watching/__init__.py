"""Workflows that runs of other workflows set off (`workflows.triggers.execution`)."""
