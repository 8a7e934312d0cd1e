"""Mailed links and the moderation API."""
