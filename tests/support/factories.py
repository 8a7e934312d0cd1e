"""What tests are made of: one value each, changed by keyword, without randomness."""

from pathlib import Path
from typing import Any

SECRET = "first-secret-of-the-tests-0123456789"
OTHER_SECRET = "second-secret-of-the-tests-012345678"
API_KEY = "a-bearer-key-of-the-tests"
OTHER_API_KEY = "a-bearer-key-of-the-other-site"
PAGE = "https://www.example.org/chi-siamo"
OTHER_PAGE = "https://altro.example.com/blog/primo"
ADDRESS = "giuliana.canary@example.com"

SITES = """
[[site]]
id = "coop"
name = "Associazione dell'Esempio"
origins = ["https://www.example.org"]
language = "it"
timezone = "Europe/Rome"
api_keys = ["sha256:6dbe92d43edffb80f3b7d601dd0805183cb1f9516dfee8c449ad7ffdc8ae3de3"]

[[site.moderator]]
id = "anna"
name = "Anna"
email = "anna@example.org"

[[site.moderator]]
id = "paul"
name = "Paul"
email = "paul@example.org"
language = "en"
timezone = "Europe/London"

[[site]]
id = "altro"
name = "Altro"
origins = ["https://altro.example.com"]
language = "en"
api_keys = ["sha256:9d765d591be66829b8a4f5d070a4235c4a71cb3d726b8fba1c3b89fa6848bce8"]

[[site.moderator]]
id = "olga"
name = "Olga"
email = "olga@example.com"
paths = ["/blog"]
"""


def a_submission(**changed: Any) -> dict[str, Any]:
    """A comment as the website posts it."""
    return {
        "page_url": PAGE,
        "page_title": "Chi siamo",
        "author_name": "Giuliana",
        "author_email": ADDRESS,
        "body": "interessante…",
    } | changed


def bearer(key: str = API_KEY) -> dict[str, str]:
    """The header of a program that moderates."""
    return {"Authorization": f"Bearer {key}"}


def environ_of(database_url: str, smtp_url: str, sites: Path) -> dict[str, str]:
    """The environment of a service that mails without delay."""
    return {
        "MODERATION_DATABASE_URL": database_url,
        "MODERATION_PUBLIC_URL": "https://comments.example.net",
        "MODERATION_SECRET_KEYS": SECRET,
        "MODERATION_SMTP_URL": smtp_url,
        "MODERATION_MAIL_FROM": "moderation@example.net",
        "MODERATION_MAIL_INTERVAL": "0",
        "MODERATION_SITES": str(sites),
    }
