"""Use cases of moderators: the queue, decisions, the desk."""
