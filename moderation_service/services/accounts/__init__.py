"""The sites file, the people in it, log-in links and sessions."""
