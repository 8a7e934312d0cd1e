"""The settings that every service needs, and what is wrong with others."""

from moderation_service import config
from moderation_service.config import SettingsError
from tests.support.factories import SECRET

REQUIRED = {
    "MODERATION_PUBLIC_URL": "https://comments.example.net",
    "MODERATION_SECRET_KEYS": SECRET,
    "MODERATION_SMTP_URL": "smtp://mail.example.net",
    "MODERATION_MAIL_FROM": "moderation@example.net",
    "MODERATION_SITES": "sites.toml",
}


def faults(**changed: str) -> dict[str, str]:
    """What is wrong with good settings once some are changed; by variable."""
    try:
        config.read(REQUIRED | {f"MODERATION_{name.upper()}": value for name, value in changed.items()})
    except SettingsError as error:
        return error.faults
    return {}
