"""The examples of several replicas, as far as they can be looked at without a cluster and without Docker."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from benchmark_modules import benchmark_module
from samesay.server.metrics import ServerMetrics
from samesay.server.settings import ServerSettings

yaml: Any = pytest.importorskip("yaml", reason="needs PyYAML")

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes" / "samesay.yaml"
CADDY = shutil.which("caddy")
KUBERNETES_VERSION = "1.34"


def manifests() -> dict[str, Any]:
    found = [one for one in yaml.safe_load_all(KUBERNETES.read_text("utf-8")) if one]
    return {one["kind"]: one for one in found}


def container() -> dict[str, Any]:
    (only,) = manifests()["Deployment"]["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def seconds_of(command: list[str]) -> int:
    found = re.search(r"sleep\((\d+)\)", " ".join(command))
    assert found is not None
    return int(found[1])


def option(arguments: list[str], name: str) -> str:
    """The value of an option, whether it stands in the same argument or in the next."""
    joined = " ".join(arguments).replace("=", " ").split()
    return joined[joined.index(name) + 1]


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


def test_manifests_fit_the_schemas_of_kubernetes() -> None:
    validate: Any = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
    for manifest in manifests().values():
        validate.validate(manifest, KUBERNETES_VERSION, strict=True)
    manifest = manifests()["Deployment"]
    manifest["spec"]["template"]["spec"]["containers"][0]["readinessProb"] = {}
    with pytest.raises(validate.ValidationError):
        validate.validate(manifest, KUBERNETES_VERSION, strict=True)


def test_compose_file_fits_its_schema() -> None:
    check = pytest.importorskip("check_jsonschema", reason="needs check-jsonschema")
    schema = files(check) / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema: Any = pytest.importorskip("jsonschema")
    value = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    jsonschema.validate(value, json.loads(schema.read_text("utf-8")))
    value["services"]["samesay-1"]["memory"] = "1g"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, json.loads(schema.read_text("utf-8")))


def test_everything_selects_the_replicas_and_the_ports_fit() -> None:
    found = manifests()
    assert set(found) == {"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"}
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert found[kind]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    target = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", found["Deployment"]["metadata"]["name"])
    # The number of replicas is the autoscaler's, so that applying the file again does not set it back.
    assert "replicas" not in found["Deployment"]["spec"]
    (port,) = container()["ports"]
    assert f"EXPOSE {port['containerPort']}" in (DEPLOY / "Dockerfile").read_text("utf-8")
    assert found["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert [container()[probe]["httpGet"]["path"] for probe in PROBES] == ["/ready", "/ready", "/health"]
    assert all(container()[probe]["httpGet"]["port"] == port["name"] for probe in PROBES)


PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def test_replicas_end_only_after_what_they_accepted_is_answered() -> None:
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    drain = int(option(container()["args"], "--drain-timeout"))
    pause = seconds_of(container()["lifecycle"]["preStop"]["exec"]["command"])
    ready = container()["readinessProbe"]
    assert drain >= ServerSettings.drain_seconds
    assert pod["terminationGracePeriodSeconds"] >= pause + drain + 5
    assert pause >= ready["periodSeconds"] * ready["failureThreshold"]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    replicas = [one for name, one in compose["services"].items() if name.startswith("samesay-")]
    assert len(replicas) == 3
    for replica in replicas:
        drain = int(option(replica["command"], "--drain-timeout"))
        assert int(replica["stop_grace_period"].removesuffix("s")) >= drain + 5


def test_options_and_paths_are_those_of_the_command_and_of_the_image() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    shown = subprocess.run(
        [sys.executable, "-m", "samesay", "serve", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"COLUMNS": "200", "TERM": "dumb", "PATH": "", "PYTHONPATH": str(ROOT / "src")},
    ).stdout
    for arguments in (container()["args"], compose["services"]["samesay-1"]["command"]):
        named = [one.partition("=")[0] for one in arguments if one.startswith("--")]
        assert named
        assert all(one in shown for one in named)
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    mounts = {one["name"]: one["mountPath"] for one in container()["volumeMounts"]}
    assert f"SAMESAY_CACHE={mounts['cache']}" in dockerfile
    assert option(container()["args"], "--api-key-file") == mounts["keys"] + "/keys"
    user = manifests()["Deployment"]["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    assert f"USER {user}\n" in dockerfile


def test_resources_and_the_autoscaler_follow_from_what_was_measured() -> None:
    computed = benchmark_module("scale")
    inputs = computed.read_inputs()
    resources = container()["resources"]
    measured = inputs.server_mb * 1e6 / 2**20
    assert mebibytes(resources["requests"]["memory"]) > measured
    assert mebibytes(resources["limits"]["memory"]) > 1.5 * measured
    assert int(resources["requests"]["cpu"]) == int(option(container()["args"], "--threads"))
    assert int(resources["requests"]["cpu"]) == inputs.threads
    (metric,) = manifests()["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert int(metric["pods"]["target"]["averageValue"]) == pytest.approx(
        computed.queue_target(inputs), rel=0.05
    )


def test_the_autoscaler_asks_for_a_metric_that_the_server_has() -> None:
    (metric,) = manifests()["HorizontalPodAutoscaler"]["spec"]["metrics"]
    name = metric["pods"]["metric"]["name"]
    assert name in {family.name for family in ServerMetrics(lambda: []).registry.collect()}
    adapter = yaml.safe_load((DEPLOY / "kubernetes" / "prometheus-adapter.yaml").read_text("utf-8"))
    (rule,) = adapter["rules"]["custom"]
    assert rule["name"]["as"] == name
    assert rule["seriesQuery"].startswith(name + "{")


@pytest.mark.skipif(CADDY is None, reason="needs caddy")
def test_the_balancers_file_is_one() -> None:
    command = [str(CADDY), "validate", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_balancer_knows_the_replicas_and_sends_no_write_twice() -> None:
    text = (DEPLOY / "Caddyfile").read_text("utf-8")
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    named = set(re.findall(r"(samesay-\d+):30000", text))
    assert named == {name for name in compose["services"] if name != "balancer"}
    (retried,) = re.findall(r"lb_retry_match \{\s+path ([^\n]+)", text)
    assert "/v1/embeddings" in retried.split()
    assert not [path for path in retried.split() if "documents" in path]
