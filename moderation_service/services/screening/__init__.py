"""Limits and checks before a comment is stored."""
