"""Workflows set off by requests of other systems: their addresses, who may post to them, and what is read of it."""
