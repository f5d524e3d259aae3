"""Applications: people ask for a row to be made or changed, and runs ask others to approve it (spec 4.7)."""
