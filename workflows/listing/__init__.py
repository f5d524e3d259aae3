"""What every list is made of: filters, pages by key, and what one may cost. Knows nothing of HTTP."""
