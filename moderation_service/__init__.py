"""Comment moderation by e-mail."""

__version__ = "0.1.0"
