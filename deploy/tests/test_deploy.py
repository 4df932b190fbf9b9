"""What is deployed with: each file as far as it can be checked without the machines it is for.

Above all, every metric that the dashboard and the alerts ask for is one that a broker tells of.
"""

import json
import os
import pathlib
import re
import subprocess
import urllib.request

import kubernetes_validate
import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

DEPLOY = pathlib.Path(__file__).parent.parent
REPOSITORY = DEPLOY.parent
BINARY = pathlib.Path(os.environ.get("FLYMQ_BIN", REPOSITORY / "target" / "debug" / "flymq"))
# Of Prometheus itself, and of gateways alone.
ELSEWHERE = {"up"}
OF_GATEWAYS = "flymq_cluster_"


@pytest.fixture(scope="module")
def scrape(tmp_path_factory):
    """The metrics of a broker that has done a bit of everything."""
    password = tmp_path_factory.mktemp("secret") / "password"
    password.write_text("secret-17")
    command = [BINARY, "broker", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]
    command += ["--auth", "--allow-plain-without-tls", "--bootstrap-admin", "admin"]
    command += ["--bootstrap-admin-password-file", password]
    command += ["--data-dir", tmp_path_factory.mktemp("data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            address, http = (process.stdout.readline().split()[-1] for _ in range(2))
            flymq = [BINARY, "-a", address, "-u", "admin", "-P", password]
            for args, given in [
                (["topic", "create", "orders"], None),
                (["produce", "orders"], "a\nb\n"),
                (["consume", "orders", "--group", "billing", "--max", "1"], None),
            ]:
                subprocess.run([*flymq, *args], input=given, text=True, check=True, timeout=60)
            password.write_text("wrong")
            refused = subprocess.run([*flymq, "topic", "list"], capture_output=True, timeout=60)
            assert refused.returncode == 1
            with urllib.request.urlopen(f"http://{http}/metrics", timeout=30) as answer:
                text = answer.read().decode()
        finally:
            process.terminate()
            process.wait(30)
    return text


@pytest.fixture(scope="module")
def names(scrape):
    """The names of all series."""
    families = text_string_to_metric_families(scrape)
    return {sample.name for family in families for sample in family.samples}


def test_the_scrape_is_what_prometheus_takes(scrape):
    families = {family.name: family for family in text_string_to_metric_families(scrape)}
    for name, family in families.items():
        assert family.documentation and family.type in {"counter", "gauge", "histogram"}, name
    produced = {s.labels["topic"]: s.value for s in families["flymq_messages_produced"].samples}
    assert produced == {"(other)": 0, "orders": 2}
    lag = [s for s in families["flymq_consumer_group_lag"].samples if s.value]
    assert [(s.labels["group"], s.labels["topic"], s.value) for s in lag] == [("billing", "orders", 1)]
    for sample in families["flymq_produce_latency_seconds"].samples:
        assert sample.value >= 0
    failed = [(s.labels, s.value) for s in families["flymq_errors"].samples]
    assert failed == [({"operation": "AUTH", "code": "AUTH_FAILED"}, 1)]
    assert [s.value for s in families["flymq_auth_failures"].samples] == [1]


def metrics_of(expression):
    """The metrics that a PromQL expression asks for, which has to be one."""
    concrete = expression.replace("$__rate_interval", "5m").replace("$instance", ".*")
    promql_parser.parse(concrete)
    without_strings = re.sub(r'"[^"]*"', "", concrete)
    return set(re.findall(r"\b(?:flymq|process)_\w+", without_strings)) or {concrete.split("{")[0]}


def expressions():
    dashboard = json.loads((DEPLOY / "grafana" / "flymq.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


@pytest.mark.parametrize(("title", "expression"), list(expressions()))
def test_what_is_asked_for_is_told(title, expression, names):
    wanted = metrics_of(expression)
    assert wanted
    unknown = {n for n in wanted - names - ELSEWHERE if not n.startswith(OF_GATEWAYS)}
    assert not unknown, f"{title} asks for what no broker tells"


def test_gateways_tell_what_is_asked_of_them():
    source = (REPOSITORY / "broker" / "src" / "metrics" / "scrape.rs").read_text()
    for title, expression in expressions():
        for name in metrics_of(expression):
            if name.startswith(OF_GATEWAYS):
                assert f'"{name}"' in source, title


def test_the_page_tells_of_every_metric_and_of_no_other(names):
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| (`flymq_.*?) \|", page, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    own = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names if name.startswith("flymq_")}
    # Nothing was turned away, and there is no gateway.
    assert {n for n in told if not n.startswith(OF_GATEWAYS)} == own


def test_what_the_page_works_out_is_worked_out():
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    blocks = re.findall(r"```sh\nflymq (capacity[^`]*)```\s+```text\n([^`]*)```", page)
    assert blocks
    for command, told in blocks:
        args = command.replace("\\\n", " ").split()
        ran = subprocess.run([BINARY, *args], capture_output=True, text=True, check=True)
        assert ran.stdout == told


def test_alerts_say_what_to_do():
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
            assert rule["annotations"]["summary"] and rule["annotations"]["action"], rule["alert"]
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert config["rule_files"] == ["alerts.yml"]
    # The alerts and the dashboard name the job.
    assert [job["job_name"] for job in config["scrape_configs"]] == ["flymq"]


def test_panels_do_not_overlap():
    panels = json.loads((DEPLOY / "grafana" / "flymq.json").read_text())["panels"]
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def manifests():
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for manifest in yaml.safe_load_all(file.read_text()):
            yield pytest.param(manifest, id=f"{file.stem}-{manifest['kind']}")


@pytest.mark.parametrize("manifest", list(manifests()))
def test_manifests_are_what_kubernetes_takes(manifest):
    kubernetes_validate.validate(manifest, "1.34", strict=True)


def known_options():
    said = subprocess.run([BINARY, "broker", "--help"], capture_output=True, text=True, check=True)
    return set(re.findall(r"FLYMQ_[A-Z_]+", said.stdout)), set(re.findall(r"--[a-z-]+", said.stdout))


@pytest.mark.parametrize("manifest", list(manifests()))
def test_manifests_use_options_and_ports_that_there_are(manifest):
    if manifest["kind"] not in {"StatefulSet", "Deployment"}:
        return
    variables, options = known_options()
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {each["name"] for each in container["env"]} <= variables
    given = {arg for arg in container["args"] if arg.startswith("--")}
    assert given <= options
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    listen = {each["name"]: each.get("value", "") for each in container["env"]}
    assert listen["FLYMQ_LISTEN"].endswith(f":{ports['flymq']}")
    assert listen["FLYMQ_HTTP_LISTEN"].endswith(f":{ports['http']}")
    for probe, path in [("livenessProbe", "live"), ("readinessProbe", "ready")]:
        assert container[probe]["httpGet"]["path"] == f"/health/{path}"
        assert container[probe]["httpGet"]["port"] == "http"
    assert container["securityContext"]["readOnlyRootFilesystem"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    claimed = {claim["metadata"]["name"] for claim in manifest["spec"].get("volumeClaimTemplates", [])}
    assert mounted == {volume["name"] for volume in pod["volumes"]} | claimed


def test_the_unit_is_what_systemd_takes(tmp_path):
    unit = (DEPLOY / "systemd" / "flymq.service").read_text()
    assert "ExecStart=/usr/local/bin/flymq broker" in unit
    there = unit.replace("/usr/local/bin/flymq", str(BINARY))
    (tmp_path / "flymq.service").write_text(there)
    verify = ["systemd-analyze", "verify", "--man=no", tmp_path / "flymq.service"]
    try:
        verified = subprocess.run(verify, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.fail("install systemd (Debian: apt-get install systemd): it checks the unit")
    complaints = [line for line in verified.stderr.splitlines() if "flymq.service" in line]
    assert verified.returncode == 0 and not complaints, verified.stderr
    security = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager"]
    rated = subprocess.run([*security, tmp_path / "flymq.service"], capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout[-600:]


def test_the_environment_file_names_options_that_there_are():
    variables, _ = known_options()
    text = (DEPLOY / "systemd" / "flymq.env").read_text()
    named = set(re.findall(r"^(?:# )?(FLYMQ_[A-Z_]+)=", text, re.MULTILINE))
    assert named and named <= variables


def test_the_image_is_made_of_what_is_there_and_runs_as_nobody():
    text = (DEPLOY / "container" / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] not in "# "]
    assert {word for word, _ in lines} <= {
        "FROM", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "ENV", "EXPOSE", "STOPSIGNAL",
        "HEALTHCHECK", "ENTRYPOINT", "CMD",
    }  # fmt: skip
    stages = [rest for word, rest in lines if word == "FROM"]
    assert len(stages) == 2 and stages[0].endswith(" AS build")
    wanted = re.search(r'rust-version = "([\d.]+)"', (REPOSITORY / "Cargo.toml").read_text())
    assert f"rust:{wanted[1]}-" in stages[0]
    last = [word for word, _ in lines].index("FROM", 1)
    assert ["USER", "nonroot"] in lines[last:]
    variables, _ = known_options()
    image = dict(lines[last:])["ENV"]
    health = subprocess.run([BINARY, "health", "--help"], capture_output=True, text=True, check=True)
    asked = set(re.findall(r"FLYMQ_[A-Z_]+", health.stdout))
    assert set(re.findall(r"(FLYMQ_[A-Z_]+)=", image)) <= variables | asked
