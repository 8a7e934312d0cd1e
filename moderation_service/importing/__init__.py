"""Files of other comment systems, read one entry after the other; nothing here knows our database."""
