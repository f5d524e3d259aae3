"""What the dialects of the three clouds share: who calls by an access key, what that shows, and pages by number."""
