"""The container files against the specification and the project, since no Docker engine runs in the tests."""

from __future__ import annotations

import importlib
import inspect
import re
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from shared.settings import PlatformSettings

ROOT = Path(__file__).parents[2]
SERVICES = ("intake", "scoring", "router", "tracker")
VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def load_compose() -> dict[str, Any]:
    """The file as Compose sees it: merged, interpolated and without extensions."""
    filled = VARIABLE.sub("example", COMPOSE)
    return {key: value for key, value in yaml.safe_load(filled).items() if not key.startswith("x-")}


def module_file(command: list[str]) -> Path:
    """The file that `python -m …` runs."""
    assert command[:2] == ["python", "-m"], command
    found = ROOT / command[2].replace(".", "/")
    return found / "__main__.py" if found.is_dir() else found.with_suffix(".py")


def environment_names(settings: type[BaseSettings]) -> set[str]:
    """Every variable that this settings class reads."""
    prefix = settings.model_config.get("env_prefix", "")
    names: set[str] = set()
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias or prefix + name]
        names |= {str(choice).upper() for choice in choices}
    return names


def known_names(service: str) -> set[str]:
    """The platform's variables and the service's own."""
    module = importlib.import_module(f"services.{service}.settings")
    own = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__]
    classes = [PlatformSettings, *(kind for kind in own if issubclass(kind, BaseSettings))]
    return set().union(*map(environment_names, classes))


def commands_names() -> set[str]:
    """The variables that the command line reads by name."""
    sources = [path.read_text() for path in (ROOT / "services" / "commands").glob("*.py")]
    return set(re.findall(r"[\"'](HANDOFF_[A-Z_]+)[\"']", "\n".join(sources)))


def test_compose_follows_the_specification() -> None:
    PyCompose.from_yaml(yaml.safe_dump(load_compose()))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("services", "intake", "enviroment"), {}),
        (("services", "intake", "depends_on", "kafka"), {"condition": "healthy"}),
        (("services", "kafka", "healthcheck", "retry"), 3),
    ],
)
def test_the_check_of_the_specification_refuses_mistakes(path: tuple[str, ...], value: object) -> None:
    compose = load_compose()
    part = compose
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(ValueError, match=path[-1]):
        PyCompose.from_yaml(yaml.safe_dump(compose))


def test_what_a_container_refers_to_is_declared() -> None:
    compose = load_compose()
    for entry in compose["services"].values():
        assert set(entry.get("depends_on", {})) <= set(compose["services"])
        assert set(entry.get("secrets", [])) <= set(compose["secrets"])
        assert {volume.partition(":")[0] for volume in entry.get("volumes", [])} <= set(compose["volumes"])


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_runs_a_module_that_exists_with_settings_that_it_knows(service: str) -> None:
    entry = load_compose()["services"][service]
    assert entry["command"] == ["python", "-m", f"services.{service}"]
    assert module_file(entry["command"]).is_file()
    assert set(entry["environment"]) <= known_names(service)


def test_migrate_runs_a_command_that_exists_with_settings_that_it_knows() -> None:
    entry = load_compose()["services"]["migrate"]
    *module, command = entry["command"]
    assert module_file(module).is_file()
    assert (ROOT / "services" / "commands" / f"{command}.py").is_file()
    known = commands_names().union(*map(known_names, SERVICES))
    assert set(entry["environment"]) <= known


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_healthy_where_it_listens(service: str) -> None:
    entry = load_compose()["services"][service]
    port = entry["environment"][f"{service.upper()}_PORT"]
    assert entry["healthcheck"]["test"][-1] == f"http://127.0.0.1:{port}/readyz"
    assert entry["ports"] == [f"127.0.0.1:{port}:{port}"]
    compile(entry["healthcheck"]["test"][3], "healthcheck", "exec")


def test_a_service_waits_for_broker_database_and_migration() -> None:
    for service in SERVICES:
        assert load_compose()["services"][service]["depends_on"] == {
            "kafka": {"condition": "service_healthy"},
            "postgres": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }


def test_only_loopback_is_published() -> None:
    published = [port for entry in load_compose()["services"].values() for port in entry.get("ports", [])]
    assert len(published) == len(SERVICES)
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_no_secret_has_a_value_or_a_default_here() -> None:
    demanded = {name for name, operator, _ in VARIABLE.findall(COMPOSE) if operator == "?"}
    used = {name for name, _, _ in VARIABLE.findall(COMPOSE)}
    assert used == demanded
    for line in COMPOSE.splitlines():
        if re.search(r"(PASSWORD|_DSN): ", line) and "*" not in line:
            assert VARIABLE.search(line), line


def test_each_service_has_a_database_role_of_its_own() -> None:
    services = load_compose()["services"]
    for service in SERVICES:
        dsns = {key: value for key, value in services[service]["environment"].items() if key.endswith("DSN")}
        assert list(dsns) == [f"{service.upper()}_DSN"]
        assert dsns[f"{service.upper()}_DSN"].startswith(f"postgresql://handoff_{service}:")


def test_kafka_is_the_same_with_and_without_docker() -> None:
    kafka = load_compose()["services"]["kafka"]
    version = ET.parse(ROOT / "deploy" / "kafka" / "pom.xml").findtext(".//{*}kafka.version")
    assert kafka["image"] == f"apache/kafka:{version}"
    lines = (ROOT / "deploy" / "kafka" / "server.properties").read_text().splitlines()
    local = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    for name in ("auto.create.topics.enable", "message.max.bytes", "log.retention.hours"):
        assert str(kafka["environment"][f"KAFKA_{name.upper().replace('.', '_')}"]) == local[name]


def test_the_image_copies_what_exists_and_what_the_ignore_file_lets_through() -> None:
    sources = [source for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M) for source in line.split()[:-1]]
    let_through = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M)
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source.startswith(folder) for folder in let_through), source


def test_the_image_is_pinned_and_not_root() -> None:
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    (python,) = set(re.findall(r"^FROM python:([\d.]+)-slim", DOCKERFILE, re.M))
    assert requires == f">={python}"
    assert "pip install --no-cache-dir --require-hashes -r deploy/requirements.lock" in DOCKERFILE
    (user,) = re.findall(r"^USER (\d+)$", DOCKERFILE, re.M)
    assert int(user) > 0
    assert DOCKERFILE.rstrip().endswith('CMD ["python", "-m", "services"]')
    assert module_file(["python", "-m", "services"]).is_file()
