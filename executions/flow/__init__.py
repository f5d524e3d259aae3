"""What keeps runs from starting: holds, lanes, rates and newer events; see docs/flow.md."""
