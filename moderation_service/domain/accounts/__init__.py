"""Addresses of people, and sites with their moderators."""
