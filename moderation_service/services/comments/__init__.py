"""Use cases of visitors and readers: submit, list, follow changes."""
