"""The manifests for Kubernetes are valid, and what they set is what the service and its image take."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from moderation_service import __version__, config
from moderation_service.services.accounts.sites_file import SitesFile
from moderation_service.web.endpoint import Credential
from moderation_service.web.routes import ENDPOINTS
from tests.support.processes import ROOT

DOCUMENTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "docs" / "deployment" / "kubernetes.yml").read_text(encoding="utf-8"))
)
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
OLDEST, NEWEST = "1.30", "1.37"
"""Versions of Kubernetes; a pause before a stop without a shell is on by default since the oldest."""

SECRETS = {
    "database-url": "postgresql://moderation:secret@database.example.org/moderation",
    "secret-keys": "0123456789abcdef0123456789abcdef",
    "smtp-url": "smtp://user:password@mail.example.org:587",
}
LONGEST_STOP = 12


def of_kind(kind: str) -> dict[str, Any]:
    [found] = [one for one in DOCUMENTS if one["kind"] == kind]
    return found


POD = of_kind("Deployment")["spec"]["template"]
[CONTAINER] = POD["spec"]["containers"]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["kind"])
def test_every_manifest_is_valid(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_a_field_that_kubernetes_does_not_have_is_noticed() -> None:
    wrong = of_kind("Deployment")
    changed = wrong | {"spec": wrong["spec"] | {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(changed, NEWEST, strict=True)


def test_what_is_selected_are_the_pods_of_the_service() -> None:
    labels = POD["metadata"]["labels"]
    assert of_kind("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert of_kind("Service")["spec"]["selector"] == labels
    ports = {one["name"]: one["containerPort"] for one in CONTAINER["ports"]}
    assert [one["targetPort"] for one in of_kind("Service")["spec"]["ports"]] == list(ports)
    assert POD["metadata"]["annotations"]["prometheus.io/port"] == str(ports["http"])
    [rule] = of_kind("Ingress")["spec"]["rules"]
    assert f"https://{rule['host']}" in [one.get("value") for one in CONTAINER["env"]]


def test_one_of_two_replicas_is_always_there() -> None:
    deployment = of_kind("Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert of_kind("PodDisruptionBudget")["spec"]["minAvailable"] == 1


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_a_probe_asks_a_route_that_anybody_may_ask(probe: str) -> None:
    asked = CONTAINER[probe]["httpGet"]
    [endpoint] = [one for one in ENDPOINTS if one.path == asked["path"] and one.method == "GET"]
    assert endpoint.credential == Credential.NONE
    assert asked["port"] in {one["name"] for one in CONTAINER["ports"]}


def test_there_is_time_to_leave_the_balancer_and_to_stop() -> None:
    pause = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["spec"]["terminationGracePeriodSeconds"] > pause + LONGEST_STOP


def test_the_service_runs_without_rights_as_the_user_of_the_image() -> None:
    pod, container = POD["spec"]["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"]
    assert container["readOnlyRootFilesystem"]
    assert not container["allowPrivilegeEscalation"]
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert not POD["spec"]["automountServiceAccountToken"]
    [user] = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert user == (str(pod["runAsUser"]), str(pod["runAsGroup"]))
    assert re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE) == [
        str(one["containerPort"]) for one in CONTAINER["ports"]
    ]
    assert CONTAINER["image"].endswith(f"/moderation-service:{__version__}")


def test_the_service_takes_the_settings_secrets_and_sites_of_the_manifests(tmp_path: Path) -> None:
    """Everything that is mounted is laid into a folder, and the paths are read there."""
    mounts = {one["name"]: tmp_path / one["mountPath"].lstrip("/") for one in CONTAINER["volumeMounts"]}
    held = {"sites": of_kind("ConfigMap")["data"], "secrets": SECRETS, "temporary": {}}
    assert {one["name"] for one in POD["spec"]["volumes"]} == {*mounts} == {*held}
    for name, files in held.items():
        mounts[name].mkdir(parents=True)
        for file, content in files.items():
            (mounts[name] / file).write_text(content, encoding="utf-8")

    environ = {one["name"]: re.sub(r"^/", f"{tmp_path}/", one["value"]) for one in CONTAINER["env"]}
    settings = config.read(environ)
    assert config.unknown(environ) == {}
    assert settings.database_url == SECRETS["database-url"]
    assert settings.secret_keys == (SECRETS["secret-keys"],)
    assert not [one for one in CONTAINER["env"] if any(secret in one["value"] for secret in SECRETS.values())]
    assert [site.id for site in SitesFile(settings.sites).load()] == ["coop"]
