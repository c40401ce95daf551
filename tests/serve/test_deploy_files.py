"""The files under recipes/deploy: parsed, and held against our command, our figures and each other. They are not run here."""

import json
import re
import shlex
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from skin_r1.recipe import read_recipe
from skin_r1.serve.engines.vllm import arguments
from skin_r1.serve.operation.meters import Meters
from skin_r1.serve.recipe import ServeRecipe

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "recipes" / "deploy"
UID = 10001


def instructions():
    """(keyword, rest) of the Dockerfile; continued lines joined, comments dropped."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def compose():
    return yaml.safe_load((DEPLOY / "compose.yml").read_text())


def objects():
    files = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    assert sorted(files) == sorted(p.name for p in (DEPLOY / "kubernetes").glob("*.yaml") if p.stem != "kustomization")
    return [each for name in files for each in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text())]


def of_kind(kind):
    return {each["metadata"]["name"]: each for each in objects() if each["kind"] == kind}


def container(name):
    pod = of_kind("Deployment")[name]["spec"]["template"]["spec"]
    (only,) = pod["containers"]
    return pod, only


ENTRY = next(json.loads(rest) for keyword, rest in instructions() if keyword == "ENTRYPOINT")


@pytest.mark.parametrize(
    "given",
    [compose()["services"]["gateway"]["command"], container("skin-r1-gateway")[1]["args"]],
    ids=["compose", "k8s"],
)
def test_the_gateways_options_are_those_of_our_command(given):
    assert ENTRY[:2] == ["skin-r1", "serve"]
    (recipe,) = read_recipe((ServeRecipe,), [*ENTRY[2:], *given], prog="x", about="")
    assert (recipe.host, recipe.port) == ("0.0.0.0", 8000) and recipe.engine[0].endswith(":8000/v1")
    assert recipe.api_keys_file.startswith("/run/") and recipe.audit.startswith("/var/lib/skin-r1")
    assert recipe.drain_seconds <= 300  # what the time to stop is held against below


@pytest.mark.parametrize(
    "given", [compose()["services"]["vllm"]["command"], container("skin-r1-vllm")[1]["args"]], ids=["compose", "k8s"]
)
def test_vllms_options_are_those_that_our_engine_gives_it(given):
    ours = arguments("/models/m", None, name="skin-r1", port=8000, cpu=False, max_model_len=4096)
    pairs = " ".join(shlex.quote(part) for part in ours[2:]).replace(" --", "\n--").splitlines()
    expected = {"=".join(shlex.split(pair)) for pair in pairs}
    assert set(given) == {each.replace("--host=127.0.0.1", "--host=0.0.0.0") for each in expected}


def test_the_dockerfile_uses_what_is_there_and_ends_without_root():
    extras = ConfigParser()
    extras.read(ROOT / "setup.cfg")
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for keyword, rest in instructions():
        if keyword == "COPY":
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists() and f"!{source}" in ignored, source
        for path in re.findall(r"constraints/\S+\.txt", rest):
            assert (ROOT / path).is_file()
        for extra in re.findall(r'"\.\[(\w+)\]"', rest):
            assert extra in extras["options.extras_require"]
    torch = re.search(r"torch==\S+", extras["options"]["install_requires"]).group()
    assert any(torch in rest for keyword, rest in instructions() if keyword == "RUN")
    assert [rest for keyword, rest in instructions() if keyword == "USER"][-1] == f"{UID}:{UID}"
    stages = [rest.split(" AS ")[1] for keyword, rest in instructions() if keyword == "FROM"]
    builds = [service["build"] for service in compose()["services"].values() if "build" in service]
    named = {rest.split("=")[0] for keyword, rest in instructions() if keyword == "ARG"}
    for build in builds:
        assert (DEPLOY / build["context"]).resolve() == ROOT and (ROOT / build["dockerfile"]).is_file()
        assert build["target"] in stages and set(build["args"]) <= named


def test_compose_publishes_only_the_gateway_and_grafana_and_on_this_machine():
    services = compose()["services"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"gateway", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert int(services["gateway"]["stop_grace_period"].removesuffix("s")) > 300
    assert services["vllm"]["networks"] == ["inside"] and compose()["networks"]["inside"]["internal"] is True
    for name, service in services.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert ("profiles" in service) == (name in ("prometheus", "grafana"))
        assert set(service.get("secrets", [])) <= set(compose()["secrets"])
    mounts = [mount.split(":")[0] for service in services.values() for mount in service.get("volumes", [])]
    for mount in mounts:
        if mount.startswith("./"):
            assert (DEPLOY / mount).is_file(), mount
        elif not mount.startswith("$"):
            assert mount in compose()["volumes"]


def test_prometheus_asks_the_services_that_there_are():
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    for job in config["scrape_configs"]:
        (target,) = job["static_configs"][0]["targets"]
        assert target.split(":")[0] in compose()["services"] and target.endswith(":8000")
    (ours,) = [job for job in config["scrape_configs"] if job["job_name"] == "skin-r1"]
    assert ours["authorization"]["credentials_file"] == "/run/secrets/metrics_key"


def test_every_figure_of_the_dashboard_is_one_that_the_gateway_has():
    meters = Meters()
    meters.began("/v1/diagnose")
    meters.ended("/v1/diagnose", 200, 1.0)
    meters.refused("busy")
    meters.waiting(1)
    meters.abstained("poor_image")
    meters.triage("soon")
    meters.decode(0.1)
    meters.engine(1.0)
    shown = meters.render().decode()
    there = set(re.findall(r"^(\w+)[{ ]", shown, re.MULTILINE))
    labels = set(re.findall(r"(\w+)=\"", shown)) | {"job"}
    dashboard = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    used = set()
    for panel in dashboard["panels"]:
        assert panel["title"] and panel["description"] and panel["targets"]
        for target in panel["targets"]:
            names = set(re.findall(r"\b(?:skin_r1|process)_\w+", target["expr"]))
            assert names and names <= there, names - there
            asked = re.findall(r"by \(([^)]*)\)", target["expr"]) + re.findall(r"{(\w+)=", target["expr"])
            assert {word.strip() for each in asked for word in each.split(",")} <= labels, target["expr"]
            used |= names
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in there if re.match("skin_r1_.*(?<!_created)$", name)}
    assert ours <= {re.sub(r"_bucket$", "", name) for name in used}, "a figure that no panel shows"
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)


def test_kubernetes_objects_fit_together():
    deployments, services = of_kind("Deployment"), of_kind("Service")
    for name, deployment in deployments.items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels
        (service,) = [each for each in services.values() if each["spec"]["selector"] == labels]
        pod, only = container(name)
        (port,) = only["ports"]
        assert service["spec"]["ports"][0]["targetPort"] == port["name"] and port["containerPort"] == 8000
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert only[probe]["httpGet"]["port"] == port["name"]
        assert {mount["name"] for mount in only["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
        security = pod["securityContext"] | only["securityContext"]
        assert security["runAsNonRoot"] and security["runAsUser"] == UID and security["readOnlyRootFilesystem"]
        assert not security["allowPrivilegeEscalation"] and security["capabilities"] == {"drop": ["ALL"]}
        assert only["resources"]["limits"]["memory"] and pod["automountServiceAccountToken"] is False
        pause = int(only["lifecycle"]["preStop"]["exec"]["command"][1])
        assert pod["terminationGracePeriodSeconds"] > pause + 300
    engine = next(arg for arg in container("skin-r1-gateway")[1]["args"] if arg.startswith("http"))
    host, port = engine.removeprefix("http://").removesuffix("/v1").split(":")
    assert services[host]["spec"]["ports"][0]["port"] == int(port)
    assert of_kind("Deployment")["skin-r1-gateway"]["spec"]["strategy"]["type"] == "Recreate"
    claims = of_kind("PersistentVolumeClaim")
    assert [
        v
        for v in container("skin-r1-gateway")[0]["volumes"]
        if v.get("persistentVolumeClaim", {}).get("claimName") in claims
    ]


def test_only_the_gateway_reaches_vllm():
    policies = of_kind("NetworkPolicy")
    assert policies["skin-r1-nobody"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = policies["skin-r1-vllm"]["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"app": "skin-r1-gateway"}}}]
    assert policies["skin-r1-vllm"]["spec"]["egress"] == []


def test_no_secret_is_written_down():
    for path in (p for p in DEPLOY.rglob("*") if p.is_file()):
        for line in path.read_text().splitlines():
            if found := re.search(r"(?:KEY|PASSWORD|TOKEN)\w*: *\"?([^\s\"}]+)", line):
                assert found.group(1).startswith("${"), line
    assert not of_kind("Secret")
