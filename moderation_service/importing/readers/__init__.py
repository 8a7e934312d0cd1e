"""One reader a format: from a source to neutral records."""
