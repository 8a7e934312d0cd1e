"""SQLAlchemy Core: functions over a connection, and the one class that opens it."""
