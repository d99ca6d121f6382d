"""The files in deploy/ agree with the server, with each other, and with the rules that their readers have."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import visavis
from tests.commands import commands, parse
from visavis.cli.serve import VARIABLES
from visavis.errors import SettingsError
from visavis.scale import ray
from visavis.server.app import HEALTH_PATHS
from visavis.server.config import DEFAULT_GRACE, DEFAULT_PORT
from visavis.server.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
MADE = DEPLOY / "secrets"  # by the user, and not committed
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and MADE not in path.parents)
YAML = [path for path in FILES if path.suffix in {".yml", ".yaml"}]
WATCHING = [path for path in FILES if path.suffix in {".yml", ".yaml", ".json"}]
UNIT, ENV_FILE = DEPLOY / "systemd/visavis.service", DEPLOY / "systemd/visavis.env"

PINNED = re.compile(r"[\w./-]+(:v?\d+(\.\d+)+[\w.-]*|@sha256:[0-9a-f]{64})")
"""An image by its whole version or its digest."""


def name_of(path: Path) -> str:
    return path.relative_to(DEPLOY).as_posix()


@cache
def load(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def without_comments(path: Path) -> str:
    return re.sub(r"(?m)^\s*#.*$", "", path.read_text("utf-8"))


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each with what follows it."""
    text = without_comments(DEPLOY / "Dockerfile").replace("\\\n", " ")
    return [(word, rest.strip()) for word, rest in re.findall(r"(?m)^([A-Z]+) +(.+)$", text)]


def instruction(word: str) -> str:
    """What follows the last instruction of this name."""
    return [rest for name, rest in instructions() if name == word][-1]


def arguments_of_the_build() -> dict[str, str]:
    return dict(rest.split("=", 1) for name, rest in instructions() if name == "ARG")


def environment_of_the_image() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in shlex.split(instruction("ENV")))


def compose() -> Any:
    return load("compose.yaml")


def pod() -> Any:
    return load("kubernetes/deployment.yaml")["spec"]["template"]["spec"]


def container() -> Any:
    (only,) = pod()["containers"]
    return only


def unit() -> dict[str, list[str]]:
    """The settings of the systemd unit. One that is given several times has several values."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"(?m)^(\w+)=(.*)$", without_comments(UNIT)):
        found.setdefault(name, []).append(value)
    return found


def command_of_the_unit() -> list[str]:
    (command,) = unit()["ExecStart"]
    return command.split()[1:]


def application() -> Any:
    (only,) = load("ray/cluster.yaml")["applications"]
    return only


def serve_options() -> list[click.Option]:
    return [o for o in commands()["serve"].params if isinstance(o, click.Option) and o.name != "help"]


def variables() -> set[str]:
    """Every variable that `visavis serve` reads: those of the engine have names of their own."""
    return {o.envvar if isinstance(o.envvar, str) else f"{VARIABLES}_{o.name}".upper() for o in serve_options()}


def given_variables() -> Iterator[tuple[str, str, str]]:
    """File, name and value of each variable of visavis that a file sets."""
    compose_sets = compose()["services"]["visavis"]["environment"]
    sets: dict[str, dict[str, str]] = {
        "Dockerfile": environment_of_the_image(),
        # ${NAME:-default}
        "compose.yaml": {n: re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(v)) for n, v in compose_sets.items()},
        "deployment.yaml": {entry["name"]: entry["value"] for entry in container()["env"] if "value" in entry},
        "visavis.service": dict(value.split("=", 1) for value in unit()["Environment"]),
        "visavis.env": dict(re.findall(r"(?m)^#?([A-Z_0-9]+)=(.+)$", ENV_FILE.read_text("utf-8"))),
    }
    for file, pairs in sets.items():
        yield from ((file, name, value) for name, value in pairs.items() if name.startswith("VISAVIS_"))


def metric_names() -> set[str]:
    """The names that Prometheus knows the metrics by; those of a histogram have three endings."""
    told = re.findall(r"(?m)^# TYPE (\S+) (\w+)$", Metrics(lambda: 0).render().decode())
    plain = {name for name, _ in told if not name.endswith("_created")}
    return plain | {f"{name}_{end}" for name, kind in told if kind == "histogram" for end in ("bucket", "sum", "count")}


def expressions() -> list[str]:
    """The queries of the dashboard and the alerts."""
    panels = json.loads((DEPLOY / "grafana/dashboards/visavis.json").read_text("utf-8"))["panels"]
    rules = [rule for group in load("alerts.yml")["groups"] for rule in group["rules"]]
    return [target["expr"] for panel in panels for target in panel["targets"]] + [rule["expr"] for rule in rules]


def images() -> list[str]:
    """Every image that a file names; $PYTHON of the Dockerfile is filled in."""
    bases = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    built = [base.replace("${PYTHON}", arguments_of_the_build()["PYTHON"]) for base in bases]
    renamed = load("kubernetes/kustomization.yaml")["images"]
    return [
        *built,
        *(service["image"] for service in compose()["services"].values()),
        *(f"{image['newName']}:{image['newTag']}" for image in renamed),
    ]


def test_each_kind_of_deployment_has_its_files() -> None:
    assert {path.relative_to(DEPLOY).parts[0] for path in FILES} >= {"Dockerfile", "compose.yaml", "alerts.yml"}
    assert {path.parent.name for path in FILES} >= {"kubernetes", "systemd", "ray", "dashboards", "datasources"}


@pytest.mark.parametrize("path", YAML, ids=name_of)
def test_every_file_is_yaml(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text("utf-8")), dict)


def test_the_server_is_started_with_options_that_it_has() -> None:
    started = [json.loads(instruction("CMD")), container()["args"], command_of_the_unit()]
    assert [words[0] for words in started] == ["serve"] * 3
    assert [parse(words)["host"] for words in started] == ["0.0.0.0", "0.0.0.0", "127.0.0.1"]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_variable_that_a_file_names_is_read(path: Path) -> None:
    named = set(re.findall(r"\bVISAVIS_[A-Z0-9_]*[A-Z0-9]", path.read_text("utf-8")))
    assert named - variables() == set()


@pytest.mark.parametrize(
    ("name", "value"), [pytest.param(name, value, id=f"{file}: {name}") for file, name, value in given_variables()]
)
def test_the_value_of_every_variable_is_accepted(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if name == f"{VARIABLES}_CREDENTIALS":  # must exist, and on this machine it does not
        value = str(tmp_path / Path(value).name)
        Path(value).touch()
    if name == f"{VARIABLES}_BUCKET":
        value = f"photos={tmp_path}"
    monkeypatch.setenv(name, value)
    parse(["serve"])


@pytest.mark.parametrize("path", WATCHING, ids=name_of)
def test_every_metric_that_a_file_names_is_there(path: Path) -> None:
    assert set(re.findall(r"\bvisavis_[a-z_]+", path.read_text("utf-8"))) - metric_names() == set()


def test_the_dashboard_and_the_alerts_name_every_metric() -> None:
    used = set(re.findall(r"\bvisavis_[a-z_]+", " ".join(expressions())))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    assert families == {re.sub(r"_(bucket|sum|count)$", "", name) for name in metric_names()}


def test_every_value_of_a_label_is_documented() -> None:
    pages = "".join((ROOT / f"docs/{page}.md").read_text("utf-8") for page in ("server", "rekognition"))
    values = set(re.findall(r'\b(?:outcome|stage)!?="([^"]+)"', " ".join(expressions())))
    assert {"OK", "ThrottlingException", "InternalServerError", "total"} <= values
    assert [value for value in sorted(values) if f"`{value}`" not in pages] == []


def test_the_dashboard_asks_the_source_that_is_provisioned_and_is_found() -> None:
    dashboard = (DEPLOY / "grafana/dashboards/visavis.json").read_text("utf-8")
    (source,) = load("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert set(re.findall(r'"type": "prometheus",\s+"uid": "(\w+)"', dashboard)) == {source["uid"]}
    services = compose()["services"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = load("grafana/provisioning/dashboards/visavis.yml")["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in services["grafana"]["volumes"]
    (job,) = load("prometheus.yml")["scrape_configs"]
    assert job["static_configs"][0]["targets"] == [f"visavis:{DEFAULT_PORT}"]
    assert {job["job_name"]} == set(re.findall(r'job="(\w+)"', " ".join(expressions())))


@pytest.mark.parametrize("image", images())
def test_every_image_is_pinned(image: str) -> None:
    assert PINNED.fullmatch(image)


@pytest.mark.parametrize("image", ["python:latest", "python", "python:3", "grafana/grafana:main"])
def test_an_image_that_can_change_is_noticed(image: str) -> None:
    assert not PINNED.fullmatch(image)


def test_the_images_of_visavis_have_its_version() -> None:
    base = load("kubernetes/kustomization.yaml")
    told = {
        arguments_of_the_build()["VERSION"],
        compose()["services"]["visavis"]["image"].partition(":")[2],
        base["images"][0]["newTag"],
        base["labels"][0]["pairs"]["app.kubernetes.io/version"],
        *re.findall(r"--tag visavis:(\S+)", (DEPLOY / "Dockerfile").read_text("utf-8")),
    }
    assert told == {visavis.__version__}


def test_the_build_is_sent_what_it_copies_and_nothing_else() -> None:
    copied = [part for name, rest in instructions() if name == "COPY" and "--from" not in rest for part in rest.split()]
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied) - {"./"}
    assert all((ROOT / line[1:]).exists() for line in ignored if line.startswith("!"))


def test_the_image_fetches_and_verifies_its_networks_when_it_is_built() -> None:
    steps = " ".join(rest for name, rest in instructions() if name == "RUN")
    assert steps.index("visavis models fetch") < steps.index("visavis models verify")
    assert environment_of_the_image()["VISAVIS_OFFLINE"] == "1"
    built = next(rest for name, rest in instructions() if name == "ENV")
    assert f"VISAVIS_HOME={environment_of_the_image()['VISAVIS_HOME']}" in built.split()


def test_containers_run_as_one_user_who_is_not_root_and_is_named_by_number() -> None:
    user = int(instruction("USER").partition(":")[0])
    context = pod()["securityContext"]
    assert user > 0
    assert {context["runAsUser"], context["runAsGroup"], context["fsGroup"]} == {user}
    assert f"-o {user} " in " ".join(rest for name, rest in instructions() if name == "RUN")


def test_an_image_that_is_just_started_requires_credentials() -> None:
    image = environment_of_the_image()
    assert image[f"{VARIABLES}_CREDENTIALS"] == "/run/secrets/visavis-keys.toml"
    assert not {name for name in image if "INSECURE" in name}
    set_anywhere = {name for _, name, _ in given_variables()}
    assert f"{VARIABLES}_INSECURE_NO_AUTH" not in set_anywhere


@pytest.mark.parametrize("name", ["visavis", "store", "prometheus", "grafana"])
def test_every_service_of_compose_is_confined(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_secrets_are_files_that_are_not_committed() -> None:
    files = [secret["file"] for secret in compose()["secrets"].values()]
    files += [file for service in compose()["services"].values() for file in service.get("env_file", [])]
    assert {Path(file).parts[0] for file in files} == {MADE.name}
    assert f"{MADE.name}/" in (DEPLOY / ".gitignore").read_text("utf-8").splitlines()
    keys = environment_of_the_image()[f"{VARIABLES}_CREDENTIALS"]
    assert Path(keys).name in compose()["services"]["visavis"]["secrets"]


def test_the_store_answers_where_the_server_looks_for_it() -> None:
    services = compose()["services"]
    port = services["store"]["command"][services["store"]["command"].index("--port") + 1]
    assert services["visavis"]["environment"][f"{VARIABLES}_S3_ENDPOINT_URL"] == f"http://store{port}"
    assert set(services["store"]["networks"]) & set(services["visavis"]["networks"])


def test_pods_satisfy_the_restricted_profile() -> None:
    spec = pod()
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all(set(volume) - {"name"} <= {"secret", "emptyDir"} for volume in spec["volumes"])
    context = container()["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["privileged"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["readOnlyRootFilesystem"] is True  # more than the profile asks for
    assert all("hostPort" not in port for port in container()["ports"])


def test_pods_have_no_token_and_no_variables_of_services() -> None:
    assert pod()["automountServiceAccountToken"] is False
    assert load("kubernetes/serviceaccount.yaml")["automountServiceAccountToken"] is False
    assert pod()["enableServiceLinks"] is False


def test_pods_write_only_to_volumes() -> None:
    mounts = {mount["mountPath"]: mount for mount in container()["volumeMounts"]}
    home = environment_of_the_image()["VISAVIS_HOME"]
    assert {path for path, mount in mounts.items() if not mount.get("readOnly")} == {"/tmp", f"{home}/compiled"}
    assert f"compiled:{home}/compiled" in compose()["services"]["visavis"]["volumes"]


def test_pods_read_the_keys_from_the_secret_and_see_its_changes() -> None:
    (keys,) = [entry["value"] for entry in container()["env"] if entry["name"] == f"{VARIABLES}_CREDENTIALS"]
    (mount,) = [mount for mount in container()["volumeMounts"] if mount["mountPath"] == keys.rpartition("/")[0]]
    (volume,) = [volume for volume in pod()["volumes"] if volume["name"] == mount["name"]]
    assert volume["secret"]["secretName"] == "visavis-keys"
    assert "subPath" not in mount


def test_the_threads_of_a_pod_are_its_cores() -> None:
    (threads,) = [entry for entry in container()["env"] if entry["name"] == "VISAVIS_THREADS"]
    assert threads["valueFrom"] == {"resourceFieldRef": {"resource": "limits.cpu"}}
    assert container()["resources"]["limits"]["cpu"] == container()["resources"]["requests"]["cpu"]
    service = compose()["services"]["visavis"]
    assert float(service["environment"]["VISAVIS_THREADS"]) == service["cpus"]


def test_ports_agree() -> None:
    (port,) = container()["ports"]
    (exposed,) = load("kubernetes/service.yaml")["spec"]["ports"]
    policy = load("kubernetes/networkpolicy.yaml")["spec"]
    annotations = load("kubernetes/deployment.yaml")["spec"]["template"]["metadata"]["annotations"]
    assert exposed["targetPort"] == port["name"]
    ports = {
        instruction("EXPOSE"),
        port["containerPort"],
        exposed["port"],
        annotations["prometheus.io/port"],
        load("ray/cluster.yaml")["http_options"]["port"],
        *(each["port"] for rule in policy["ingress"] for each in rule["ports"]),
        *compose()["services"]["visavis"]["ports"][0].split(":")[1:],
        *(value for _, name, value in given_variables() if name == f"{VARIABLES}_PORT"),
    }
    assert {int(each) for each in ports} == {DEFAULT_PORT}


def test_probes_ask_paths_that_answer_under_every_host() -> None:
    probes = {kind: container()[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")}
    paths = {kind: probe["path"] for kind, probe in probes.items()}
    assert paths == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}
    assert set(paths.values()) == HEALTH_PATHS
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert "/readyz" in instruction("HEALTHCHECK")


def test_what_stops_the_server_waits_longer_than_its_grace() -> None:
    of_pods = parse(container()["args"])["grace"]
    slept = int(container()["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert pod()["terminationGracePeriodSeconds"] > of_pods + slept
    assert int(unit()["TimeoutStopSec"][0]) > parse(command_of_the_unit())["grace"]
    assert "--grace" not in instruction("CMD")
    assert int(compose()["services"]["visavis"]["stop_grace_period"].removesuffix("s")) > DEFAULT_GRACE
    (deployment,) = application()["deployments"]
    assert deployment["graceful_shutdown_timeout_s"] >= ray.GRACE


def test_objects_of_the_cluster_name_each_other() -> None:
    base = load("kubernetes/kustomization.yaml")
    objects = [load(f"kubernetes/{name}") for name in base["resources"]]
    assert {(o["kind"], o["metadata"]["name"]) for o in objects} == {
        (kind, "visavis")
        for kind in (
            "Deployment",
            "HorizontalPodAutoscaler",
            "NetworkPolicy",
            "PodDisruptionBudget",
            "Service",
            "ServiceAccount",
        )
    }
    labels = load("kubernetes/deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    spec = {o["kind"]: o.get("spec", {}) for o in objects}
    assert spec["Deployment"]["selector"]["matchLabels"] == labels
    assert spec["Service"]["selector"] == labels
    assert spec["NetworkPolicy"]["podSelector"]["matchLabels"] == labels
    assert spec["PodDisruptionBudget"]["selector"]["matchLabels"] == labels
    assert [each["labelSelector"]["matchLabels"] for each in pod()["topologySpreadConstraints"]] == [labels, labels]
    assert pod()["serviceAccountName"] == "visavis"
    assert base["images"][0]["name"] == container()["image"]


def test_pods_are_scaled_by_a_metric_that_the_adapter_offers() -> None:
    spec = load("kubernetes/hpa.yaml")["spec"]
    metric, resource = spec["metrics"]
    (rule,) = load("kubernetes/prometheus-adapter-values.yaml")["rules"]["custom"]
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"] == "visavis_queue_depth"
    assert resource["resource"]["name"] == "cpu"
    assert "cpu" in container()["resources"]["requests"]  # of which the target is a share
    assert spec["scaleTargetRef"]["kind"] == "Deployment"
    # Applying the deployment again would set them back.
    assert "replicas" not in load("kubernetes/deployment.yaml")["spec"]
    assert spec["minReplicas"] > load("kubernetes/pdb.yaml")["spec"]["maxUnavailable"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("ProtectKernelTunables", "yes"),
        ("ProtectKernelModules", "yes"),
        ("ProtectControlGroups", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("PrivateUsers", "yes"),
        ("RestrictNamespaces", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("LockPersonality", "yes"),
        ("SystemCallArchitectures", "native"),
    ],
)
def test_the_unit_is_confined(name: str, value: str) -> None:
    assert unit()[name] == [value]


def test_the_unit_allows_the_calls_of_a_service_and_code_that_is_made_at_run_time() -> None:
    assert unit()["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert unit()["SystemCallErrorNumber"] == ["EPERM"]
    # OpenVINO compiles networks to machine code.
    assert "MemoryDenyWriteExecute" not in unit()
    assert "MemoryDenyWriteExecute= is absent" in UNIT.read_text("utf-8")


def test_the_unit_keeps_networks_and_keys_where_systemd_puts_them() -> None:
    environment = dict(value.split("=", 1) for value in unit()["Environment"])
    assert environment["VISAVIS_HOME"] == f"%C/{unit()['CacheDirectory'][0]}"
    name, _, source = unit()["LoadCredential"][0].partition(":")
    assert environment[f"{VARIABLES}_CREDENTIALS"] == f"%d/{name}"
    assert Path(source).suffix == ".toml"
    assert [line.split()[1:] for line in unit()["ExecStartPre"]] == [["models", "fetch"], ["models", "verify"]]


def test_the_arguments_of_the_ray_application_are_accepted() -> None:
    options = ray.options_of(application()["args"])
    assert options.credentials is not None
    assert options.settings.offline
    (deployment,) = application()["deployments"]
    assert deployment["max_ongoing_requests"] == 2 * (ray.WORKERS + options.config.waiting)
    assert deployment["autoscaling_config"]["target_ongoing_requests"] == ray.WORKERS
    assert load("ray/cluster.yaml")["http_options"]["request_timeout_s"] > options.config.waiting_seconds


def test_an_argument_that_the_ray_application_does_not_have_is_noticed() -> None:
    with pytest.raises(SettingsError, match="no argument keys"):
        ray.options_of({**application()["args"], "keys": "keys.toml"})


def test_the_ray_file_names_the_application_and_its_deployment() -> None:
    module, _, attribute = application()["import_path"].partition(":")
    assert callable(getattr(import_module(module), attribute))
    assert [deployment["name"] for deployment in application()["deployments"]] == [ray.NAME]
    assert "RAY_USAGE_STATS_ENABLED=0" in (DEPLOY / "ray/cluster.yaml").read_text("utf-8")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_names_a_host_to_fetch_from(path: Path) -> None:
    hosts = set(re.findall(r"\w+://([\w.-]+)", path.read_text("utf-8")))
    assert hosts - {"127.0.0.1", *compose()["services"]} == set()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is not installed")
def test_hadolint_finds_nothing() -> None:
    done = run("hadolint", str(DEPLOY / "Dockerfile"))
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kustomize_builds_the_base() -> None:
    done = run("kubectl", "kustomize", str(DEPLOY / "kubernetes"))
    built = {document["kind"]: document for document in yaml.safe_load_all(done.stdout)}
    (made,) = built["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert made["image"] in images()
    assert len(built) == len(load("kubernetes/kustomization.yaml")["resources"])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    # The command must exist, and visavis is not installed in /opt here.
    copy.write_text(UNIT.read_text("utf-8").replace("/opt/visavis/bin/visavis", "/bin/true"), "utf-8")
    done = run("systemd-analyze", "verify", str(copy))
    # It also complains about units of the machine.
    assert [line for line in done.stderr.splitlines() if UNIT.name in line] == []
