"""What there is under the prefix: one class a resource, its actions as methods."""
