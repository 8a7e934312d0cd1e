"""Requests and responses, for all areas."""
