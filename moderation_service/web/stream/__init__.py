"""The change feed as server-sent events: read once a site, encoded once, sent to all who are connected."""
