"""The files of docs/deployment can be read by what they are for, and say what the service relies on."""

import re
import subprocess
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

from moderation_service import config
from tests.support.factories import SECRET, SITES

ROOT = Path(__file__).parent.parent
DEPLOYMENT = ROOT / "docs" / "deployment"


def text_of(name: str) -> str:
    return (DEPLOYMENT / name).read_text(encoding="utf-8")


class Unit(ConfigParser):
    """A systemd unit; a key that is set several times keeps its last value here."""

    def __init__(self, name: str = "", text: str = "") -> None:
        super().__init__(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"))
        self.read_string(text or text_of(name))


def test_every_file_is_named_in_the_table() -> None:
    table = text_of("README.md")
    files = {file.name for file in DEPLOYMENT.iterdir()} - {"README.md"}
    assert {"Caddyfile", "traefik.yml", "nginx.conf", "moderation.service", "moderation.socket"} <= files
    assert [name for name in files if f"({name})" not in table] == []


def test_the_unit_of_the_service_runs_it_without_rights_and_stops_it_in_time() -> None:
    unit = Unit("moderation.service")
    assert unit.sections() == ["Unit", "Service", "Install"]
    service = unit["Service"]
    assert service["ExecStart"].endswith("/moderation-service serve")
    assert service["User"] == "moderation"
    assert service["Environment"] == "MODERATION_LISTEN=fd://3"
    assert int(service["TimeoutStopSec"]) > 12
    assert int(service["LimitNOFILE"]) >= 65_536
    for name in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert unit["Install"]["WantedBy"] == "multi-user.target"
    assert "MODERATION_TRUSTED_PROXIES" in text_of("moderation.service")


def test_the_settings_beside_the_unit_are_read_by_the_service_and_by_a_shell(tmp_path: Path) -> None:
    """A command takes them as the unit does, and lacks nothing but where to listen."""
    settings = tmp_path / "environment"
    sites = tmp_path / "sites.toml"
    sites.write_text(SITES, encoding="utf-8")
    key = f"MODERATION_SECRET_KEYS={SECRET}\n"
    settings.write_text(text_of("environment").replace("/etc/moderation/sites.toml", str(sites)) + key)
    script = text_of("moderation-as").replace("/etc/moderation/environment", str(settings))
    script = script.replace("exec runuser --user moderation -- /opt/moderation/bin/moderation-service", "exec env")
    said = subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True, text=True, env={}).stdout
    read = config.read(dict(line.split("=", 1) for line in said.splitlines()))
    assert read.database_url == "sqlite:////var/lib/moderation/moderation.db"
    assert read.smtp.username == "user"
    assert read.sites == sites


def test_the_timer_of_the_document_makes_a_backup_as_the_user_of_the_service() -> None:
    document = (ROOT / "docs" / "backup.md").read_text(encoding="utf-8")
    service, timer = (Unit(text=one) for one in re.findall(r"```ini\n(.*?)```", document, re.DOTALL))
    of_service = Unit("moderation.service")["Service"]
    for name in ("User", "EnvironmentFile"):
        assert service["Service"][name] == of_service[name]
    program = of_service["ExecStart"].split()[0]
    assert service["Service"]["ExecStart"].startswith(f"{program} backup /var/backups/moderation/")
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_the_unit_of_the_socket_opens_it_for_the_proxy_alone() -> None:
    unit = Unit("moderation.socket")
    assert unit.sections() == ["Unit", "Socket", "Install"]
    assert unit["Socket"]["SocketMode"] == "0660"
    assert unit["Install"]["WantedBy"] == "sockets.target"
    path = unit["Socket"]["ListenStream"]
    assert f"unix/{path}" in text_of("Caddyfile")
    assert f"unix:{path}" in text_of("nginx.conf")


def test_the_caddyfile_is_whole_and_keeps_metrics_and_paths_back() -> None:
    lines = [line.split("#")[0].strip() for line in text_of("Caddyfile").splitlines()]
    depth = 0
    for line in lines:
        depth += line.endswith("{")
        depth -= line == "}"
        assert depth >= 0
        assert "{" not in line[:-1]
    assert depth == 0
    for wanted in ("@private path /metrics", "respond @private 404", "request>uri delete", "header_up -Forwarded"):
        assert wanted in lines


def test_traefik_is_told_the_host_without_metrics_and_logs_no_paths() -> None:
    yaml = import_module("yaml")
    http = yaml.safe_load(text_of("traefik.yml"))["http"]
    router = http["routers"]["moderation"]
    assert router["rule"] == "Host(`comments.example.org`) && !Path(`/metrics`)"
    assert router["service"] in http["services"]
    assert router["observability"] == {"accessLogs": False}
    balancer = http["services"]["moderation"]["loadBalancer"]
    assert balancer["passHostHeader"] is True
    assert balancer["healthCheck"]["path"] == "/health/ready"
    assert balancer["servers"] == [{"url": "http://127.0.0.1:8080"}]


def test_compose_lists_the_networks_of_its_proxy() -> None:
    assert "MODERATION_TRUSTED_PROXIES: 172.16.0.0/12" in (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
