"""What people are asked by runs, and what they answer."""
