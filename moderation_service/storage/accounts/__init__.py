"""Log-in links and sessions on disk."""
