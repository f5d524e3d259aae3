"""What finds runs: the filters of their lists and the order in which an index gives them. Knows nothing of HTTP."""
