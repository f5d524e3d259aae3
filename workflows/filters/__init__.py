"""Filter objects -> `Q` (spec http 2): {"customer": {"tier": "gold"}, "total": {"$gt": 100}, "$or": [...]}."""

from workflows.filters.rendered import check_rendered
from workflows.filters.translation import inverse_lookup, is_empty, order_column, to_q

__all__ = ["check_rendered", "inverse_lookup", "is_empty", "order_column", "to_q"]
