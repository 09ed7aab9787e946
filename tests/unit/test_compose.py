"""docker-compose.yml, Dockerfile and .env.example, as far as they can be judged without an engine."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from psg_cli.main import app
from psg_cli.settings import CliSettings
from psg_graphql.identity.settings import OidcSettings
from psg_graphql.settings import ApiSettings
from psg_neo4j.embedded.config import ServerSettings, neo4j_conf
from psg_runtime.ael import AelSettings
from psg_runtime.orchestrator import OrchestratorSettings

ROOT = Path(__file__).resolve().parents[2]
GIVEN = {"PSG_NEO4J_PASSWORD": "a password", "PSG_API_TOKEN": "0123456789abcdef"}
OURS = ("migrate", "api", "orchestrator")
SETTINGS = (CliSettings, ApiSettings, OrchestratorSettings, AelSettings)


def interpolate(value: Any, given: dict[str, str]) -> Any:
    """Replace ${NAME:-default} and ${NAME:?message} as compose does."""
    if isinstance(value, dict):
        return {k: interpolate(v, given) for k, v in value.items()}
    if isinstance(value, list):
        return [interpolate(v, given) for v in value]
    if not isinstance(value, str):
        return value

    def resolve(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if kind == ":?" and not given.get(name):
            raise LookupError(rest)
        return given.get(name) or rest

    return re.sub(r"(?<!\$)\$\{(\w+)(:[-?])([^}]*)\}", resolve, value).replace("$$", "$")


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def services(raw: dict[str, Any]) -> dict[str, Any]:
    return interpolate(raw, GIVEN)["services"]


@pytest.mark.parametrize("missing", GIVEN)
def test_nothing_starts_without_the_password_and_the_token(raw: dict[str, Any], missing: str) -> None:
    with pytest.raises(LookupError, match=missing):
        interpolate(raw, {k: v for k, v in GIVEN.items() if k != missing})


def test_everything_is_published_on_loopback_by_default(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "ports" not in services["orchestrator"]


def test_neo4j_runs_with_the_settings_of_the_embedded_server(services: dict[str, Any]) -> None:
    given = services["neo4j"]["environment"]
    settings = {
        name.removeprefix("NEO4J_").replace("__", "\0").replace("_", ".").replace("\0", "_"): value
        for name, value in given.items()
        if name != "NEO4J_AUTH"
    }
    text = neo4j_conf(ServerSettings(api_url="http://127.0.0.1:8765"), 7687, 7474)
    embedded = dict(line.split("=", 1) for line in text.splitlines())
    assert settings == {name: embedded[name] for name in settings}
    assert {
        "db.transaction.timeout", "dbms.usage_report.enabled", "client.allow_telemetry",
        "browser.remote_content_hostname_whitelist", "browser.post_connect_cmd",
    } <= settings.keys()  # fmt: skip
    assert services["neo4j"]["image"] == "neo4j:5.26-community"
    assert services["neo4j"]["volumes"] == ["neo4j-data:/data"]


def test_services_wait_for_the_database_and_for_the_migrations(services: dict[str, Any]) -> None:
    assert "cypher-shell" in services["neo4j"]["healthcheck"]["test"][1]
    assert services["migrate"]["depends_on"] == {"neo4j": {"condition": "service_healthy"}}
    assert services["migrate"]["restart"] == "no"
    for name in ("api", "orchestrator"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["restart"] == "unless-stopped"
    assert services["orchestrator"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", OURS)
def test_commands_and_variables_exist(services: dict[str, Any], name: str) -> None:
    (command,) = services[name]["command"]
    assert command in get_command(app).commands  # type: ignore[attr-defined]
    known = {f"PSG_{field.upper()}" for kind in SETTINGS[:1] + SETTINGS[2:] for field in kind.model_fields}
    known |= {f"PSG_API_{field.upper()}" for field in ApiSettings.model_fields} | {"PSG_AUTH"}
    known |= {f"PSG_OIDC_{field.upper()}" for field in OidcSettings.model_fields}
    assert set(services[name]["environment"]) <= known


def test_the_api_accepts_its_settings_and_lets_nobody_in_without_a_token(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in services["api"]["environment"].items():
        if value is not None:  # without a value: passed on from the shell
            monkeypatch.setenv(name, value)
    settings = ApiSettings()
    assert (settings.host, settings.port, settings.allowed_hosts) == ("0.0.0.0", 8765, ("api",))
    assert settings.auth_modes == ("token",)
    monkeypatch.delenv("PSG_API_TOKEN")
    assert ApiSettings().auth_modes == ("token",)
    monkeypatch.setenv("PSG_AUTH", "none")
    with pytest.raises(ValueError, match="PSG_AUTH=none"):
        ApiSettings()


def test_running_steps_may_finish_before_docker_kills(services: dict[str, Any]) -> None:
    grace = int(services["orchestrator"]["stop_grace_period"].removesuffix("s"))
    assert grace * 1000 > OrchestratorSettings.model_fields["drain_ms"].default + 5_000


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_privileges(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_image_is_built_from_hashes_and_does_not_run_as_root() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    build, final = text.split("\nFROM ")[1:3]
    assert "--require-hashes" in build and "pip check" in build
    installs = [line for line in re.sub(r"\\\n", " ", text).split("&&") if "pip install" in line]
    assert installs and all("--no-index" in line for line in installs)
    assert "pip" not in shlex.split(final) and "USER psg" in final and "HEALTHCHECK" in final
    copied = {word for line in build.splitlines() if line.startswith("COPY") for word in line.split()[1:-1]}
    let_through = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE))
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_the_example_of_settings_sets_nothing_and_names_what_exists() -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    assert not re.findall(r"^(?!#).+", text, re.MULTILINE)
    named = set(re.findall(r"^# (PSG_\w+)=", text, re.MULTILINE))
    known = {f"PSG_{field.upper()}" for kind in SETTINGS for field in kind.model_fields}
    known |= {f"PSG_API_{field.upper()}" for field in ApiSettings.model_fields}
    known |= set(re.findall(r"\$\{(PSG_\w+)", (ROOT / "docker-compose.yml").read_text("utf-8")))
    assert named <= known
    assert set(GIVEN) <= named


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_docker_compose_reads_the_file(tmp_path: Path) -> None:
    command = ["docker-compose", "--project-directory", str(ROOT), "-f", str(ROOT / "docker-compose.yml"), "config"]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    accepted = subprocess.run(
        command, env=environment | GIVEN, capture_output=True, text=True, check=False, timeout=60
    )
    assert accepted.returncode == 0, accepted.stderr
    assert set(yaml.safe_load(accepted.stdout)["services"]) == {"neo4j", *OURS}
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    if not (ROOT / ".env").exists():
        assert refused.returncode != 0 and "set PSG_NEO4J_PASSWORD" in refused.stderr
