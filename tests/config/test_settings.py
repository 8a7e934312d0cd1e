"""Settings: every one read from the environment or a file, every fault named at once."""

import re
from dataclasses import fields
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from moderation_service import config
from moderation_service.config import Settings, SettingsError
from moderation_service.config.values import Address, InheritedSocket, LogFormat, Server, Tls, UnixSocket
from tests.support.factories import OTHER_SECRET, SECRET
from tests.support.settings import REQUIRED, faults

_OF_A_LIBRARY = re.compile(r"[A-Za-z]*(?:Error|Exception)\b|invalid literal|Errno|expected|[Tt]raceback|0x")
"""A class's name, or a sentence that is not ours."""


def test_what_is_left_out_has_the_default_of_the_contract() -> None:
    settings = config.read(REQUIRED)
    assert settings.database_url == "sqlite:///var/moderation.db"
    assert settings.listen == Address(host="127.0.0.1", port=8080)
    assert settings.trusted_proxies == settings.metrics_from == ()
    assert settings.mail_interval == timedelta(seconds=60)
    assert settings.screening is True


def test_every_required_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        config.read({})
    assert raised.value.faults == dict.fromkeys(REQUIRED, "is required")


VALUES: list[tuple[str, str, object]] = [
    ("database_url", "postgresql://u:p@a:1,b:2/db?target_session_attrs=read-write", None),
    ("database_url", "sqlite:////tmp/a.db", None),
    ("public_url", "https://example.net/comments/", "https://example.net/comments"),
    ("public_url", "http://[::1]:8080", None),
    ("secret_keys", f" {SECRET} , {OTHER_SECRET},", (SECRET, OTHER_SECRET)),
    ("mail_from", "Moderation@EXAMPLE.net", "Moderation@example.net"),
    ("sites", "/etc/sites.toml", Path("/etc/sites.toml")),
    ("listen", "0.0.0.0:0", Address(host="0.0.0.0", port=0)),  # noqa: S104 - a value, nobody listens
    ("listen", "[::1]:65535", Address(host="::1", port=65_535)),
    ("listen", "unix:/run/moderation/http", UnixSocket(path=Path("/run/moderation/http"))),
    ("listen", "fd://3", InheritedSocket(number=3)),
    ("connections", "16384", 16_384),
    ("trusted_proxies", "10.0.0.0/8, fd00::/8", (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
    ("metrics_from", "192.0.2.7", (ip_network("192.0.2.7/32"),)),
    ("mail_interval", "0", timedelta(0)),
    ("screening", "off", False),
    ("local_addresses", "on", True),
    ("helo_name", "mail.example.org", None),
    ("helo_name", "[192.0.2.1]", None),
    ("log_format", "console", LogFormat.CONSOLE),
    ("log_format", "json", LogFormat.JSON),
]


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_a_setting_is_read_from_its_variable(name: str, text: str, value: object) -> None:
    settings = config.read(REQUIRED | {config.variable(name): text})
    assert getattr(settings, name) == (text if value is None else value)


def test_every_setting_has_a_variable_a_help_and_is_read_by_these_tests() -> None:
    contract = {name for name, _, _ in VALUES} | {"smtp"}
    assert contract <= {one.name for one in fields(Settings)}
    assert config.variable("smtp") == "MODERATION_SMTP_URL"
    assert all(one.metadata["help"] for one in fields(Settings))


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.net", Server(host="mail.example.net", port=587, tls=Tls.STARTTLS)),
        ("smtps://mail.example.net", Server(host="mail.example.net", port=465, tls=Tls.IMPLICIT)),
        ("smtp://127.0.0.1:1025", Server(host="127.0.0.1", port=1025, tls=Tls.NONE)),
        ("smtp://[::1]:1025", Server(host="::1", port=1025, tls=Tls.NONE)),
        ("smtp://localhost?starttls=always", Server(host="localhost", port=587, tls=Tls.STARTTLS)),
        ("smtp://mail.example.net?starttls=never", Server(host="mail.example.net", port=587, tls=Tls.NONE)),
        (
            "smtp://a%40b:p%2Fw%3A@mail.example.net:2525?ca_file=/etc/ca.pem",
            Server(
                host="mail.example.net",
                port=2525,
                tls=Tls.STARTTLS,
                username="a@b",
                password="p/w:",
                ca_file="/etc/ca.pem",
            ),
        ),
    ],
)
def test_mail_goes_in_plain_text_only_to_this_machine_or_when_told_so(url: str, server: Server) -> None:
    assert config.read(REQUIRED | {"MODERATION_SMTP_URL": url}).smtp == server


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("database_url", "mysql://a/b"),
        ("database_url", "sqlite:///"),
        ("database_url", ""),
        ("public_url", "comments.example.net"),
        ("public_url", "ftp://example.net"),
        ("public_url", "https://"),
        ("public_url", "https://["),
        ("public_url", "https://user:secret@example.net"),
        ("public_url", "https://example.net:99999"),
        ("public_url", "https://exa mple.net"),
        ("public_url", "https://example.net/a b"),
        ("public_url", "https://example.net/\n"),
        ("public_url", "https://example.net?a"),
        ("public_url", "https://example.net#a"),
        ("secret_keys", ""),
        ("secret_keys", "x" * 31),
        ("secret_keys", f"{SECRET},short"),
        ("secret_keys", f"{SECRET},{SECRET}"),
        ("smtp_url", "mail.example.net"),
        ("smtp_url", "http://mail.example.net"),
        ("smtp_url", "smtp://"),
        ("smtp_url", "smtp://["),
        ("smtp_url", "smtp://mail.example.net/inbox"),
        ("smtp_url", "smtp://mail.example.net#inbox"),
        ("smtp_url", "smtp://mail.example.net:99999"),
        ("smtp_url", "smtp://mail.example.net?starttls=maybe"),
        ("smtp_url", "smtp://mail.example.net?tls=no"),
        ("mail_from", "Moderation"),
        ("mail_from", "Moderation <moderation@example.net>"),
        ("mail_from", "moderation@example.net\nBcc: x@example.net"),
        ("sites", ""),
        ("listen", "8080"),
        ("listen", ":8080"),
        ("listen", "unix:http"),
        ("listen", "unix:/" + "x" * 107),
        ("listen", "fd://2"),
        ("listen", "fd://three"),
        ("connections", "0"),
        ("connections", "²"),
        ("listen", "127.0.0.1:"),
        ("listen", "127.0.0.1:65536"),
        ("listen", "127.0.0.1:-1"),
        ("listen", "127.0.0.1:²"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("trusted_proxies", "everybody"),
        ("metrics_from", "10.0.0.0/8 fd00::/8"),
        ("mail_interval", "-1"),
        ("mail_interval", "1.5"),
        ("mail_interval", "a minute"),
        ("mail_interval", "9" * 5_000),
        ("screening", "yes"),
        ("screening", "ON"),
        ("screening", ""),
        ("remind_after", "²"),
        ("remind_after", "0"),
        ("remind_after", "9" * 5_000),
        ("mail_connections", "²"),
        ("mail_connections", "51"),
        ("shared_cache_seconds", "²"),
        ("shared_cache_seconds", "61"),
        ("mail_interval", "²"),
        ("local_addresses", "yes"),
        ("log_format", "xml"),
        ("helo_name", "mail example.org"),
        ("helo_name", "a@b"),
    ],
)
def test_a_faulty_setting_is_named_by_its_variable(name: str, text: str) -> None:
    found = faults(**{name: text})
    assert list(found) == [f"MODERATION_{name.upper()}"]
    [said] = found.values()
    assert len(said) < 200
    assert not _OF_A_LIBRARY.search(said.replace(repr(text)[1:-1], ""))
    assert said.startswith(("must ", "has ", "only accepts ", "lists ")), "a sentence of ours, not a library's"
    is_secret = name in ("secret_keys", "smtp_url", "database_url") or "secret" in text
    assert (repr(text)[:40] in said) is (bool(text) and not is_secret)


@pytest.mark.parametrize("sender", ["moderation@nas.local", "moderation@mailhost", "moderation@box.home.arpa"])
def test_the_sender_may_have_a_local_address_where_the_setting_says_so(sender: str) -> None:
    [said] = faults(mail_from=sender).values()
    assert said == f"has no public domain: {sender!r}; MODERATION_LOCAL_ADDRESSES=on allows such addresses"
    assert faults(mail_from=sender, local_addresses="on") == {}


def test_a_name_that_is_no_setting_is_reported_with_the_one_that_was_meant() -> None:
    environ = {
        "MODERATION_SECRET_KEY": "x",
        "MODERATION_SITE_FILE": "x",
        "MODERATION_XYZZY": "x",
        "MODERATION_SITES": "x",
        "MODERATION_SMTP_URL_FILE": "x",
        "MODERATION_DB_SERVICE_HOST": "10.0.0.1",
        "MODERATION_DB_SERVICE_PORT_PG": "5432",
        "MODERATION_PORT": "tcp://10.0.0.1:8080",
        "MODERATION_PORT_8080_TCP_ADDR": "10.0.0.1",
        "OTHER_SITE": "x",
    }
    assert config.unknown(environ) == {
        "MODERATION_SECRET_KEY": "MODERATION_SECRET_KEYS",
        "MODERATION_SITE_FILE": "MODERATION_SITES_FILE",
        "MODERATION_XYZZY": None,
    }


def test_all_faulty_settings_are_named_at_once() -> None:
    found = faults(public_url="x", listen="x", screening="x", mail_from="x")
    assert sorted(found) == [f"MODERATION_{name}" for name in ("LISTEN", "MAIL_FROM", "PUBLIC_URL", "SCREENING")]


@pytest.mark.parametrize("name", ["secret_keys", "smtp", "database_url", "public_url"])
def test_a_secret_may_stand_in_a_file(name: str, tmp_path: Path) -> None:
    variable = config.variable(name)
    text = (REQUIRED | {"MODERATION_DATABASE_URL": "sqlite:///a.db"})[variable]
    file = tmp_path / "secret"
    file.write_text(f"{text}\n", encoding="utf-8")
    environ = {key: value for key, value in REQUIRED.items() if key != variable}
    read = config.read(environ | {f"{variable}_FILE": str(file)})
    assert getattr(read, name) == getattr(config.read(REQUIRED | {variable: text}), name)


@pytest.mark.parametrize("sign", ["/", "#", "?", "@", "%", "[", "12/", "12#", "12?", "12?a=b&", "25?x@"])
@pytest.mark.parametrize("name", ["database_url", "smtp_url"])
def test_an_unescaped_password_is_said_without_any_part_of_it(name: str, sign: str) -> None:
    scheme = "postgresql" if name == "database_url" else "smtp"
    [(variable, said)] = faults(**{name: f"{scheme}://user:{sign}hush{sign}pw@db.example/base"}).items()
    assert variable == f"MODERATION_{name.upper()}"
    assert said.startswith(f"must be {scheme}://user:password@host:")
    assert "/ as %2F, # as %23, ? as %3F, @ as %40, % as %25" in said
    assert "hush" not in said
    assert "db.example" not in said


@pytest.mark.parametrize(
    "rest",
    [
        "u:p%2Fw%23%3F%40%25@h/db",
        "u:p@a:1,b:2,[::1]:3/db?target_session_attrs=read-write",
        "postgres:@/postgres?host=/run/postgresql",
        "/db?user=a@b&host=/run",
        "h",
        "",
    ],
)
def test_the_forms_of_libpq_are_taken(rest: str) -> None:
    assert faults(database_url=f"postgresql://{rest}") == {}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("sslmode=maybe", "must have sslmode as one of disable, allow, prefer, require, verify-ca, verify-full"),
        ("target_session_attrs=best", "must have target_session_attrs as one of any, primary, standby"),
        ("ssl_min_protocol_version=4", "must have ssl_min_protocol_version as one of TLSv1"),
        ("sslrootcert=/nothing/ca.pem", "has the sslrootcert /nothing/ca.pem: No such file or directory"),
        ("sslkey=/nothing/key.pem", "has the sslkey /nothing/key.pem: No such file or directory"),
    ],
)
def test_what_the_driver_would_refuse_is_said_before_it_connects(option: str, said: str) -> None:
    found = faults(database_url=f"postgresql://user:hush@db.example/base?{option}")
    assert found["MODERATION_DATABASE_URL"].startswith(said)
    assert "hush" not in str(found)
    assert faults(database_url="postgresql://h/db?sslmode=verify-full&target_session_attrs=read-write") == {}


@pytest.mark.parametrize("rest", ["u:p@h:port/db", "u:p@h:99999/db", "u@a:1,b:x/db"])
def test_a_port_that_is_none_is_said(rest: str) -> None:
    [said] = faults(database_url=f"postgresql://{rest}").values()
    assert said.startswith("must be postgresql://user:password@host:5432/database")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\xff\xfe" + SECRET.encode())
    for path in (tmp_path / "nothing", tmp_path, broken):
        found = faults(database_url_file=str(path))
        assert list(found) == ["MODERATION_DATABASE_URL"]
        said = found["MODERATION_DATABASE_URL"]
        assert said.startswith(f"cannot be read: MODERATION_DATABASE_URL_FILE is {path}")
        assert SECRET not in said


def test_a_variable_and_its_file_are_not_both_believed(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(OTHER_SECRET)
    assert faults(secret_keys_file=str(file)) == {
        "MODERATION_SECRET_KEYS": "and MODERATION_SECRET_KEYS_FILE are both set"
    }


def test_no_secret_is_shown_when_settings_are() -> None:
    settings = config.read(REQUIRED | {"MODERATION_SMTP_URL": "smtp://user:mail-password@mail.example.net"})
    shown = f"{settings!r} {settings.smtp!r}"
    assert SECRET not in shown
    assert "mail-password" not in shown


def test_a_faulty_secret_is_not_repeated() -> None:
    assert "too-short" not in str(faults(secret_keys="too-short"))
    assert "hush" not in str(faults(smtp_url="http://user:hush@mail.example.net"))
