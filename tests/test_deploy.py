"""What is deployed with: compose files, a cluster's configuration, Kubernetes, systemd, an OpenTelemetry Collector.

None of it can be run by a test without what it is for; each is held against its format's own schema, and against the
options, ports and names that the code has.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from kubernetes import client as kubernetes

from llmtrace_collector.database import ON_CLUSTER
from llmtrace_collector.names import CLICKHOUSE_PASSWORD, INGEST_KEY
from llmtrace_collector.options import OPTIONS
from llmtrace_collector.watch import load

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
CLUSTER = ROOT / "docker-compose.cluster.yml"


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.compose-spec", "docker-compose.yml"),
        ("vendor.compose-spec", "docker-compose.cluster.yml"),
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
    ],
)
def test_a_file_is_of_the_schema_of_its_format(schema: str, file: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(ROOT / file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(CLUSTER.read_text())["services"]
    return found


def test_the_cluster_file_publishes_to_this_machine_only_and_every_service_has_a_health_check() -> None:
    for name, service in services().items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    assert "LLMTRACE_INGEST_KEY:?" in services()["collector-1"]["environment"][INGEST_KEY]


def test_each_node_of_the_cluster_is_one_replica_of_one_shard_and_all_are_in_the_configuration() -> None:
    configured = ET.parse(DEPLOY / "cluster/cluster.xml").getroot()
    shards = configured.findall("remote_servers/main/shard")
    assert all(shard.findtext("internal_replication") == "true" for shard in shards)
    hosts = {
        host: n for n, shard in enumerate(shards, 1) for r in shard.findall("replica") if (host := r.findtext("host"))
    }
    nodes = {name: each for name, each in services().items() if name.startswith("clickhouse")}
    assert hosts == {name: int(each["environment"]["LLMTRACE_SHARD"]) for name, each in nodes.items()}
    assert len(shards) == 2
    for name, node in nodes.items():
        assert node["hostname"] == node["environment"]["LLMTRACE_REPLICA"] == name
        for mounted in node["volumes"][1:]:
            assert (ROOT / mounted.split(":")[0]).is_file()
        from_environment = {e.get("from_env") for e in configured.iter() if e.get("from_env")}
        assert from_environment <= node["environment"].keys()
    keeper = ET.parse(DEPLOY / "cluster/keeper.xml").getroot()
    assert configured.findtext("zookeeper/node/port") == keeper.findtext("keeper_server/tcp_port")
    assert configured.findtext("zookeeper/node/host") == services()["keeper"]["hostname"]


def test_every_user_of_the_cluster_has_the_settings_that_the_collector_sends() -> None:
    profile = ET.parse(DEPLOY / "cluster/users.xml").getroot().find("profiles/default")
    assert profile is not None
    has = {each.tag: each.text for each in profile}
    assert has.items() >= ON_CLUSTER.items()


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        if file.name not in {"kustomization.yaml", "rules.yaml"}:
            for document in yaml.safe_load_all(file.read_text()):
                yield f"{document['kind']} {document['metadata']['name']}", document


MODELS = {
    "Namespace": "V1Namespace",
    "Service": "V1Service",
    "StatefulSet": "V1StatefulSet",
    "Deployment": "V1Deployment",
    "PodDisruptionBudget": "V1PodDisruptionBudget",
}


@pytest.mark.parametrize(
    ("name", "document"), list(manifests()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_manifest_has_the_fields_of_its_kind_and_no_others(name: str, document: dict[str, Any]) -> None:
    with kubernetes.ApiClient() as api:
        read = api.deserialize(json.dumps(document), MODELS[document["kind"]], "application/json")
        assert api.sanitize_for_serialization(read) == document, name


def containers() -> Iterator[tuple[str, list[str]]]:
    """The command of every container there is, by where it stands."""
    for file in ("docker-compose.yml", "docker-compose.cluster.yml"):
        for name, service in yaml.safe_load((ROOT / file).read_text())["services"].items():
            if service.get("command"):
                yield f"{file} {name}", service["command"]
    for name, document in manifests():
        template = document.get("spec", {}).get("template", {})
        for container in template.get("spec", {}).get("containers", []):
            yield name, [*container["command"], *container["args"]]


@pytest.mark.parametrize(
    ("where", "command"), list(containers()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_a_container_runs_takes_the_options_it_is_given(where: str, command: list[str]) -> None:
    assert command[:2] == ["python", "-m"], where
    done = subprocess.run([sys.executable, *command[1:3], "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for option in command[3:]:
        assert option.split("=")[0] in done.stdout, where


def test_kustomize_makes_one_stream_of_the_manifests() -> None:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not on this machine")
    command = ["kubectl", "kustomize", str(DEPLOY / "kubernetes")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    assert {each["kind"] for each in made} == {*MODELS, "ConfigMap"}
    assert all(each["metadata"].get("namespace") == "llmtrace" for each in made if each["kind"] != "Namespace")


def test_pods_have_what_the_restricted_profile_asks_for_and_secrets_only_from_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_SECRET", "whsec_" + "A" * 43 + "=")
    for name, document in manifests():
        template = document.get("spec", {}).get("template")
        if template:
            assert template["spec"]["securityContext"]["runAsNonRoot"] is True, name
            for container in template["spec"]["containers"]:
                context = container["securityContext"]
                assert context["allowPrivilegeEscalation"] is False
                assert context["capabilities"] == {"drop": ["ALL"]}
                for variable in container["env"]:
                    if variable["name"] in {CLICKHOUSE_PASSWORD, INGEST_KEY, "ALERT_WEBHOOK_SECRET"}:
                        assert "secretKeyRef" in variable["valueFrom"], name
    assert load(DEPLOY / "kubernetes/rules.yaml")


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd/llmtrace.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    program, verb, *options = command.split()
    assert verb == "up"
    assert {each for each in options if each.startswith("--")} <= {option.flag for option in OPTIONS}
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not on this machine")
    unit = tmp_path / "llmtrace.service"
    unit.write_text(text.replace(program, sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    of_ours = [line for line in (done.stdout + done.stderr).splitlines() if "llmtrace.service" in line]
    assert (done.returncode, of_ours) == (0, [])


def test_pipelines_of_the_opentelemetry_collector_name_what_is_there_and_send_every_signal() -> None:
    config = yaml.safe_load((DEPLOY / "otel-collector.yaml").read_text())
    assert set(config["service"]["extensions"]) == set(config["extensions"])
    pipelines = config["service"]["pipelines"]
    assert set(pipelines) == {"traces", "logs", "metrics"}
    for pipeline in pipelines.values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(config[kind])
        assert pipeline["processors"][0] == "memory_limiter"
    exporter = config["exporters"]["otlphttp/llmtrace"]
    assert exporter["sending_queue"]["storage"] in config["extensions"]
    assert exporter["headers"]["authorization"] == f"Bearer ${{env:{INGEST_KEY}}}"
    assert exporter["compression"] == "gzip"
