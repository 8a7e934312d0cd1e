"""The rules of moderation: values and pure functions; no disk, no network, no clock of their own."""
