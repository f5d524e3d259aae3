"""A form made of a kind's `Config`: one field whose value is the whole configuration.

`specs` reads a JSON Schema, `reading` a POST, `drawing` makes what the templates show, `fields` joins the three. What
no control is known for is typed as JSON, and so may be the whole: nothing that is stored is lost by being edited.
"""

from workflows.admin.schemaform.fields import SchemaField

__all__ = ["SchemaField"]
