"""The desk: log-in, queue and decisions in the browser."""
