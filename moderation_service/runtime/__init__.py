"""Putting the service together, and running it."""
