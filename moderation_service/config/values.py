"""What the text of each setting means; every reader raises ValueError with what is wrong."""

import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from moderation_service.config import causes
from moderation_service.domain.accounts import addresses
from moderation_service.domain.comments import pages
from moderation_service.domain.keys import SHORTEST_SECRET

Network = IPv4Network | IPv6Network
_MOST_DIGITS = 9
_HIGHEST_PORT = 65_535
_END_OF_AUTHORITY = re.compile(r"[/?#]")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPES = "in user and password write / as %2F, # as %23, ? as %3F, @ as %40, % as %25, [ as %5B"
_TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_DATABASE_OPTIONS = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
    "ssl_min_protocol_version": _TLS_VERSIONS,
    "ssl_max_protocol_version": _TLS_VERSIONS,
}
"""What libpq takes, and asyncpg after it."""
_DATABASE_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_LONGEST_SOCKET_PATH = 107
_MOST_SECONDS = 86_400
_MOST_HOURS = 8_760
_MOST_CONNECTIONS = 50
_MOST_OPEN_CONNECTIONS = 1_000_000
_MOST_MEGABYTES = 65_536
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?|\[(?:IPv6:)?[0-9A-Fa-f.:]+\]")
_OAUTH_KEYS = frozenset(
    {"token_url", "client_id", "client_secret", "client_secret_file", "scope", "refresh_token"}
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class LogFormat(StrEnum):
    """How log lines are written: for programs, or for people."""

    JSON = "json"
    CONSOLE = "console"


class Tls(StrEnum):
    """How a connection to the mail server is secured."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where mail is handed in."""

    host: str
    port: int
    tls: Tls
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """The account by which tokens for the mail server are asked for; without a refresh token, by its own right."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen; a shared port is one that other processes of the same start listen on too."""

    host: str
    port: int
    is_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixSocket:
    """A Unix socket of the service's own to listen on; whoever connects by it is a trusted proxy."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class InheritedSocket:
    """A listening socket that whoever started the service hands over, by the number of its open file."""

    number: int


Listen = Address | UnixSocket | InheritedSocket
"""Where to listen."""


def database_url(text: str) -> str:
    """Read an SQLite path or a PostgreSQL address."""
    if text.startswith("sqlite:///") and len(text) > len("sqlite:///"):
        return text
    scheme, _, rest = text.partition("://")
    if scheme not in ("postgresql", "postgres"):
        raise ValueError("must be sqlite:///path or postgresql://…")
    if not _is_escaped(rest) or not all(map(_is_host, _authority(rest).rpartition("@")[2].split(","))):
        raise ValueError(f"must be postgresql://user:password@host:5432/database; {_ESCAPES}")
    _check_options(dict(parse_qsl(rest.partition("?")[2])))
    return text


def _check_options(options: Mapping[str, str]) -> None:
    """Raise ValueError for what the driver would refuse only when it connects."""
    for name, allowed in _DATABASE_OPTIONS.items():
        if name in options and options[name] not in allowed:
            raise ValueError(f"must have {name} as one of {', '.join(allowed)}")
    for name in _DATABASE_FILES:
        if name in options:
            try:
                Path(options[name]).read_bytes()
            except OSError as error:
                raise ValueError(f"has the {name} {options[name]}: {causes.why(error)}") from error


def _authority(rest: str) -> str:
    """Return user, password and hosts of what stands behind an address's scheme."""
    return _END_OF_AUTHORITY.split(rest, maxsplit=1)[0]


def _is_escaped(rest: str) -> bool:
    """Tell whether what stands behind an address's scheme may be read in one way only (RFC 3986, 3.2.1)."""
    authority = _authority(rest)
    person = authority.rpartition("@")[0]
    before_options, _, options = rest.removeprefix(authority).partition("?")
    is_torn = "@" in before_options or (options and not all("=" in one for one in options.split("&")))
    return not (is_torn or "#" in rest or "@" in person or "[" in person or _BARE_PERCENT.search(authority))


def _is_host(text: str) -> bool:
    """Tell whether a text is a host with or without a port; an empty one is the machine itself."""
    port = text.rpartition("]")[2].rpartition(":")[2] if ":" in text.rpartition("]")[2] else ""
    return not port or (_is_number(port) and int(port) <= _HIGHEST_PORT)


def public_url(text: str) -> str:
    """Read the base of mailed links."""
    try:
        canonical = pages.canonical(text)
    except pages.InvalidPageError as error:
        raise ValueError("must be an http(s) URL like https://comments.example.org") from error
    if "?" in text or "#" in text or not text.isprintable() or " " in text:
        raise ValueError("must be an http(s) URL without query and fragment")
    return canonical.rstrip("/")


def secret_keys(text: str) -> tuple[str, ...]:
    """Read one or more secrets."""
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    if not keys or any(len(key) < SHORTEST_SECRET for key in keys):
        raise ValueError(f"must be keys of at least {SHORTEST_SECRET} characters, separated by commas")
    if len(set(keys)) < len(keys):
        raise ValueError("lists a key twice")
    return keys


def smtp_url(text: str) -> Server:
    """Read where mail is handed in, and how."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"must be smtp://user:password@host:587; {_ESCAPES}") from error
    if parts.path not in ("", "/") or not _is_escaped(text.partition("://")[2]):
        raise ValueError(f"must be smtp://user:password@host:587; {_ESCAPES}")
    options = dict(parse_qsl(parts.query))
    starttls = options.pop("starttls", None)
    ca_file = options.pop("ca_file", None)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("must be smtp://user:password@host:587 or smtps://user:password@host:465")
    if starttls not in (None, "never", "always") or options:
        raise ValueError("only accepts the options starttls=never, starttls=always and ca_file=…")
    if parts.scheme == "smtps":
        tls = Tls.IMPLICIT
    elif starttls == "never" or (starttls is None and parts.hostname in _LOOPBACK):
        tls = Tls.NONE
    else:
        tls = Tls.STARTTLS
    return Server(
        host=parts.hostname,
        port=port or (465 if tls is Tls.IMPLICIT else 587),
        tls=tls,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        ca_file=ca_file,
    )


def address(text: str) -> str:
    """Read an e-mail address."""
    if "<" in text:
        raise ValueError("must be an address alone, without a name; mail carries the name of its site")
    try:
        return addresses.normalise(text, local=True)
    except addresses.InvalidAddressError as error:
        raise ValueError("must be an e-mail address like moderation@example.org") from error


def smtp_oauth(text: str) -> OAuth | None:
    """Read the file that names an account for XOAUTH2; an empty text means that there is none."""
    if not text:
        return None
    try:
        found = tomllib.loads(Path(text).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot be read at {text}: {causes.why(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError("is not valid TOML") from error
    values = {name: value.strip() for name, value in found.items() if isinstance(value, str)}
    strange = sorted(set(found) - set(values)) + sorted(set(values) - _OAUTH_KEYS)
    if strange:
        raise ValueError(f"has {strange[0]}, which is not an accepted key or not a text")
    if "client_secret_file" in values:
        values["client_secret"] = _secret_file(values.pop("client_secret_file"))
    missing = [name for name in ("token_url", "client_id", "client_secret", "scope") if not values.get(name)]
    if missing:
        raise ValueError(f"lacks {missing[0]}")
    if not values["token_url"].startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
        raise ValueError("has a token_url that is not https")
    return OAuth(**values)


def _secret_file(path_of_secret: str) -> str:
    try:
        return Path(path_of_secret).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"has the client_secret_file {path_of_secret}: {causes.why(error)}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"has the client_secret_file {path_of_secret}, which is not a text in UTF-8") from error


def helo_name(text: str) -> str:
    """Read the name by which a mail server is greeted; an empty text means the default."""
    if text and not _HOST_NAME.fullmatch(text):
        raise ValueError("must be a host name like mail.example.org, or an address like [192.0.2.1]")
    return text


def listen(text: str) -> Listen:
    """Read host and port, the path of a Unix socket, or the number of an open file."""
    if text.startswith("unix:"):
        return UnixSocket(path=_socket_path(text.removeprefix("unix:")))
    if text.startswith("fd://"):
        number = text.removeprefix("fd://")
        return InheritedSocket(number=_whole(number, "fd:// and a number", least=3, most=1_023))
    host, _, port = text.rpartition(":")
    if not host or not _is_number(port) or int(port) > _HIGHEST_PORT:
        raise ValueError("must be host:port like 127.0.0.1:8080, unix:/path/of/socket, or fd://3")
    return Address(host=host.strip("[]"), port=int(port))


def _socket_path(text: str) -> Path:
    """Read the path of a Unix socket, which the system keeps in 108 bytes."""
    if not text.startswith("/") or "\0" in text or len(text.encode()) > _LONGEST_SOCKET_PATH:
        raise ValueError(f"must name a socket by its whole path of at most {_LONGEST_SOCKET_PATH} bytes")
    return Path(text)


def networks(text: str) -> tuple[Network, ...]:
    """Read networks."""
    try:
        return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError as error:
        raise ValueError("must be networks like 10.0.0.0/8, separated by commas") from error


def seconds(text: str) -> timedelta:
    """Read whole seconds."""
    return timedelta(seconds=_whole(text, "whole seconds", least=0, most=_MOST_SECONDS))


def up_to_a_minute(text: str) -> int:
    """Read up to 60 whole seconds."""
    return _whole(text, "whole seconds", least=0, most=60)


def hours(text: str) -> timedelta:
    """Read whole hours, at least one."""
    return timedelta(hours=_whole(text, "whole hours", least=1, most=_MOST_HOURS))


def connections(text: str) -> int:
    """Read how many connections may be open at once."""
    return _whole(text, "a whole number", least=1, most=_MOST_CONNECTIONS)


def open_connections(text: str) -> int:
    """Read how many connections of clients may be open at once."""
    return _whole(text, "a whole number", least=1, most=_MOST_OPEN_CONNECTIONS)


def _whole(text: str, what: str, *, least: int, most: int) -> int:
    """Read a number in ASCII digits between two limits."""
    if not _is_number(text) or not least <= int(text) <= most:
        raise ValueError(f"must be {what} from {least} to {most}")
    return int(text)


def _is_number(text: str) -> bool:
    """Tell whether a text is a number that can be read without being endless."""
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def log_format(text: str) -> LogFormat:
    """Read how log lines are written; an empty text means as it suits where they go."""
    if not text:
        return LogFormat.CONSOLE if sys.stderr.isatty() else LogFormat.JSON
    try:
        return LogFormat(text)
    except ValueError as error:
        raise ValueError("must be json or console") from error


def megabytes(text: str) -> int:
    """Read an amount of memory, 0 for none."""
    if not _is_number(text) or int(text) > _MOST_MEGABYTES:
        raise ValueError(f"must be a whole number of megabytes, at most {_MOST_MEGABYTES}")
    return int(text)


def switch(text: str) -> bool:
    """Read on or off."""
    if text not in ("on", "off"):
        raise ValueError("must be on or off")
    return text == "on"


def path(text: str) -> Path:
    """Read the path of a file."""
    if not text:
        raise ValueError("must be the path of a file")
    return Path(text)
