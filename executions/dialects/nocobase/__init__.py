"""NocoBase's HTTP interface (spec nocobase-http), so that its own client works with this server unchanged."""
