"""A version's nodes as they are drawn: cards on lines, branches side by side. Knows nothing of the admin or of runs."""

from workflows.canvas.layout import Canvas, Part, lay_out

__all__ = ["Canvas", "Part", "lay_out"]
