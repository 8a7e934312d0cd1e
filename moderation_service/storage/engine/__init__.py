"""The database: connections, the writer, group commit, and what differs between the two engines."""
