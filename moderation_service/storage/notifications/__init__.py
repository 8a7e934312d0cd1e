"""What is to be sent to whom, on disk."""
