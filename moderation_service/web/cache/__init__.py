"""Answers that are kept in memory."""
