"""`python -m moderation_service` is the same as `moderation-service`."""

from moderation_service.cli import main

main()
