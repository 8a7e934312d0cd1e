"""Sending what is due, and what operators see of it."""
