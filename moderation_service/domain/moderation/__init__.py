"""Decisions, and the links by which they are made."""
