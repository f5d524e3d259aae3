"""Resources inside another row: `workflows/7/nodes`."""

from typing import TYPE_CHECKING, Any, ClassVar

from executions.dialects.nocobase.call import to_id

if TYPE_CHECKING:
    from executions.dialects.nocobase.resources.base import Resource as Base
else:
    Base = object


class Inside(Base):
    """Mixed into a resource: its rows are those of the parent that the path names, none where that is no id."""

    #: The column that holds the parent's key.
    column: ClassVar[str]

    @property
    def parent_id(self) -> int | None:
        return to_id(self.call.target.parent_pk)

    def rows(self) -> Any:
        rows = super().rows()
        return rows.none() if self.parent_id is None else rows.filter(**{self.column: self.parent_id})
