"""How the engine fares: totals by the hour, counted apart from the work itself, and what waits just now."""
