"""Comments, pages and their changes on disk."""
