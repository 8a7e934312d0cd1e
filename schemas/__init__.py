"""The wire contract of the moderation service, usable by clients without the service."""
