"""Settings: every one with its help and default, read from the environment and checked at once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from moderation_service.config import causes, values
from moderation_service.config.values import Listen, LogFormat, Network, OAuth, Server
from moderation_service.domain.accounts import addresses

PREFIX = "MODERATION_"

_SET_BY_ORCHESTRATORS = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT.*|PORT|PORT_.*)")
_SHOWN_OF_A_VALUE = 60


class SettingsError(Exception):
    """Settings are faulty; `faults` maps each variable's name to what is wrong with it."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {fault}" for name, fault in faults.items()))
        self.faults = dict(faults)


def _setting(
    read: Callable[[str], Any], meaning: str, *, default: str | None = None, is_secret: bool = False
) -> Any:
    """Declare a setting; without a default it is required by `serve`, and a secret one is never shown."""
    return field(repr=False, metadata={"read": read, "help": meaning, "default": default, "is_secret": is_secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, valid."""

    database_url: str = _setting(
        values.database_url,
        "`sqlite:///path`, or PostgreSQL in libpq's forms, several hosts included; in user and password write `/` "
        "as `%2F`, `#` as `%23`, `?` as `%3F`, `@` as `%40`, `%` as `%25`",
        default="sqlite:///var/moderation.db",
        is_secret=True,
    )
    public_url: str = _setting(values.public_url, "base of every mailed link; never taken from a request")
    secret_keys: tuple[str, ...] = _setting(
        values.secret_keys,
        "comma-separated, at least 32 characters each; the first signs and encrypts, all verify and decrypt",
        is_secret=True,
    )
    smtp: Server = _setting(
        values.smtp_url,
        "`smtp://user:password@host:587` (STARTTLS required unless the host is loopback or `?starttls=never`), "
        "`smtps://…:465`; `?ca_file=…` for a certificate authority of your own; user and password are "
        "escaped as in `MODERATION_DATABASE_URL`",
        is_secret=True,
    )
    mail_from: str = _setting(values.address, "sender of the mail")
    sites: Path = _setting(values.path, "path of the sites file")
    listen: Listen = _setting(
        values.listen,
        "where to listen: `host:port`, `unix:/path/of/socket`, or `fd://3` for a socket that systemd hands over",
        default="127.0.0.1:8080",
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        values.networks,
        "networks whose `X-Forwarded-For` (else `Forwarded`) is believed; a website that posts from its own "
        "server is one of them",
        default="",
    )
    metrics_from: tuple[Network, ...] = _setting(
        values.networks,
        "networks that may read `/metrics` and the reasons of readiness; unset: this machine itself",
        default="",
    )
    connections: int = _setting(
        values.open_connections,
        "how many connections may be open at once, for each process, a tenth of them from one network; the soft "
        "limit of open files is raised to fit",
        default="4096",
    )
    mail_interval: timedelta = _setting(
        values.seconds,
        "seconds between two moderation messages to one person; doubles with each one while nobody decides, to an "
        "hour at most",
        default="60",
    )
    smtp_oauth: OAuth | None = _setting(
        values.smtp_oauth,
        "XOAUTH2 instead of a password: path of a TOML file with `token_url`, `client_id`, `client_secret` or "
        "`client_secret_file`, `scope` and, optionally, `refresh_token`",
        default="",
    )
    helo_name: str = _setting(
        values.helo_name,
        "the name by which the service greets the mail server; by default the host of `MODERATION_PUBLIC_URL` "
        "where that is a full name, else the full name of this machine, else its address",
        default="",
    )
    shared_cache_seconds: int = _setting(
        values.up_to_a_minute,
        "how long a cache between the service and its readers may keep a list without asking; at most 60",
        default="5",
    )
    cache_mb: int = _setting(
        values.megabytes, "memory for answers, for each process, in MB of 1,048,576 bytes", default="64"
    )
    mail_connections: int = _setting(
        values.connections, "how many connections to the mail server may be open at once", default="3"
    )
    remind_after: timedelta = _setting(
        values.hours,
        "hours after which moderators are reminded of a comment that nobody decided on, then every day",
        default="24",
    )
    screening: bool = _setting(
        values.switch, "`on` or `off` (load tests, trusted intakes): limits, duplicates and scores", default="on"
    )
    local_addresses: bool = _setting(
        values.switch,
        "`on`: moderators and sender may have addresses without a public domain (`.local`, `.test`, `home.arpa`, "
        "a single label); authors never",
        default="off",
    )
    log_format: LogFormat = _setting(
        values.log_format, "`json` or `console`; by default `console` on a terminal, else `json`", default=""
    )

    @property
    def root(self) -> str:
        """The path of the public URL, empty for a host of its own; every address that is given out has it."""
        return urlsplit(self.public_url).path

    @property
    def transport_security(self) -> dict[str, str]:
        """The header that keeps browsers to https, where the host is ours alone; other names below it are not."""
        if self.root or not self.public_url.startswith("https:"):
            return {}
        return {"Strict-Transport-Security": "max-age=31536000"}

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
        except ValueError as error:
            faults[name] = str(error)
    sender = valid.get("mail_from")
    if sender and not valid.get("local_addresses") and not addresses.has_public_domain(sender):
        faults[variable("mail_from")] = (
            f"has no public domain: {sender!r}; {variable('local_addresses')}=on allows such addresses"
        )
    smtp = valid.get("smtp")
    if valid.get("smtp_oauth") and smtp and smtp.username is None:
        faults[variable("smtp")] = f"needs a user name for {variable('smtp_oauth')}: smtp://user@host:587"
    if faults:
        raise SettingsError(faults)
    return Settings(**valid)


def unknown(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables with our prefix that are no setting, each with the name that was probably meant.

    What orchestrators set for every service of their own accord is passed over.
    """
    known = [variable(setting.name) + suffix for setting in fields(Settings) for suffix in ("", "_FILE")]
    strange = [
        name
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and not _SET_BY_ORCHESTRATORS.fullmatch(name)
    ]
    ends = [name.removeprefix(PREFIX) for name in known]
    nearest = {name: get_close_matches(name.removeprefix(PREFIX), ends, n=1) for name in strange}
    return {name: PREFIX + found[0] if found else None for name, found in nearest.items()}


def read_database_url(environ: Mapping[str, str]) -> str:
    """Read the one setting that commands on the database alone need; raise SettingsError for a faulty one."""
    setting = next(one for one in fields(Settings) if one.name == "database_url")
    name = variable(setting.name)
    try:
        url: str = _read_one(name, setting.metadata, environ)
    except ValueError as error:
        raise SettingsError({name: str(error)}) from error
    return url


def _read_one(name: str, metadata: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    file = environ.get(f"{name}_FILE")
    if file and name in environ:
        raise ValueError(f"and {name}_FILE are both set")
    text = _content(name, file) if file else environ.get(name, metadata["default"])
    if text is None:
        raise ValueError("is required")
    try:
        return metadata["read"](text)
    except ValueError as error:
        if metadata["is_secret"] or not text or f" {text}: " in str(error) or "@" in text.partition("://")[2]:
            raise
        shown = text if len(text) <= _SHOWN_OF_A_VALUE else f"{text[:_SHOWN_OF_A_VALUE]}…"
        raise ValueError(f"{error}; it is {shown!r}") from error


def _content(name: str, file: str) -> str:
    """Return what a file holds; raise ValueError where it cannot be read."""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"cannot be read: {name}_FILE is {file}: {causes.why(error)}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"cannot be read: {name}_FILE is {file}, which is not a text in UTF-8") from error
