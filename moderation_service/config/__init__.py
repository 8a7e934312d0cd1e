"""Settings: every one with its help and default, read from the environment and checked at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from moderation_service.config import values
from moderation_service.config.values import Address, Network, Server

PREFIX = "MODERATION_"


class SettingsError(Exception):
    """Settings are faulty; `faults` maps each variable's name to what is wrong with it."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {fault}" for name, fault in faults.items()))
        self.faults = dict(faults)


def _setting(read: Callable[[str], Any], meaning: str, *, default: str | None = None) -> Any:
    """Declare a setting; without a default it is required by `serve`."""
    return field(repr=False, metadata={"read": read, "help": meaning, "default": default})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, valid."""

    database_url: str = _setting(
        values.database_url,
        "`sqlite:///path`, or PostgreSQL in libpq's forms, several hosts included",
        default="sqlite:///var/moderation.db",
    )
    public_url: str = _setting(values.public_url, "base of every mailed link; never taken from a request")
    secret_keys: tuple[str, ...] = _setting(
        values.secret_keys,
        "comma-separated, at least 32 characters each; the first signs and encrypts, all verify and decrypt",
    )
    smtp: Server = _setting(
        values.smtp_url,
        "`smtp://user:password@host:587` (STARTTLS required unless the host is loopback or `?starttls=never`), "
        "`smtps://…:465`; `?ca_file=…` for a certificate authority of your own",
    )
    mail_from: str = _setting(values.address, "sender of the mail")
    sites: Path = _setting(values.path, "path of the sites file")
    listen: Address = _setting(values.listen, "`host:port` to listen on", default="127.0.0.1:8080")
    trusted_proxies: tuple[Network, ...] = _setting(
        values.networks,
        "networks whose `X-Forwarded-For` is believed; a website that posts from its own server is one of them",
        default="",
    )
    metrics_from: tuple[Network, ...] = _setting(
        values.networks,
        "networks, beside direct loopback, that may read `/metrics` and the reasons of readiness",
        default="",
    )
    mail_interval: timedelta = _setting(
        values.seconds, "seconds between two moderation messages to one person", default="60"
    )
    shared_cache_seconds: int = _setting(
        values.up_to_a_minute,
        "how long a cache between the service and its readers may keep a list without asking; at most 60",
        default="5",
    )
    screening: bool = _setting(
        values.switch, "`on` or `off` (load tests, trusted intakes): limits, duplicates and scores", default="on"
    )

    @property
    def cache_control(self) -> str:
        """What caches may do with a list: a browser asks each time, a shared cache after some seconds."""
        return f"public, max-age=0, must-revalidate, s-maxage={self.shared_cache_seconds}"


_VARIABLES = {"smtp": "SMTP_URL"}


def variable(name: str) -> str:
    """Return the environment variable of a field of Settings."""
    return PREFIX + _VARIABLES.get(name, name.upper())


def read(environ: Mapping[str, str]) -> Settings:
    """Read all settings; raise SettingsError with every fault. `NAME_FILE` names a file that holds the value."""
    valid: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for setting in fields(Settings):
        name = variable(setting.name)
        try:
            valid[setting.name] = _read_one(name, setting.metadata, environ)
        except (ValueError, OSError) as error:
            faults[name] = str(error) if isinstance(error, ValueError) else f"names an unreadable file: {error}"
    if faults:
        raise SettingsError(faults)
    return Settings(**valid)


def read_database_url(environ: Mapping[str, str]) -> str:
    """Read the one setting that commands on the database alone need."""
    setting = next(one for one in fields(Settings) if one.name == "database_url")
    name = variable(setting.name)
    try:
        url: str = _read_one(name, setting.metadata, environ)
    except (ValueError, OSError) as error:
        raise SettingsError({name: str(error)}) from error
    return url


def _read_one(name: str, metadata: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    file = environ.get(f"{name}_FILE")
    if file and name in environ:
        raise ValueError(f"and {name}_FILE are both set")
    text = Path(file).read_text(encoding="utf-8").strip() if file else environ.get(name, metadata["default"])
    if text is None:
        raise ValueError("is required")
    return metadata["read"](text)
