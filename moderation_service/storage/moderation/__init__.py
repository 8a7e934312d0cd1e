"""The queue, decisions and their history on disk."""
