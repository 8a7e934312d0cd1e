"""Health, statistics, retention and consistency."""
