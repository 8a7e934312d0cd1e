"""Mail to moderators: what it says, and how it is handed to a server."""
