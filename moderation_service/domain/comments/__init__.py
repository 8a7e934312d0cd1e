"""Comments, the pages they stand on, their markup and their threads."""
