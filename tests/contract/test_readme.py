"""The README against the code: every setting is listed with its default, every listed one exists, and so does every file it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from services.commands.installation import SERVICES
from shared.settings import PlatformSettings, ServiceSettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
LISTED = dict(re.findall(r"^\| `([A-Z<][A-Z_<>]+)` \| (?:`([^`]*)`)? ?\|", README, re.MULTILINE))
BY_OPTION = re.compile(r"envvar=\"(HANDOFF_[A-Z_]+)\"")


def variables(settings: type[BaseSettings], prefix: str) -> dict[str, str]:
    """Environment variable → its default as the README writes it; empty for none."""
    found = {}
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        chosen = alias.choices[0] if isinstance(alias, AliasChoices) else prefix + name
        none = field.default is None or field.default is PydanticUndefined
        found[str(chosen).upper()] = "" if none else str(field.default)
    return found


def expected() -> dict[str, str]:
    names = {**variables(PlatformSettings, "HANDOFF_"), **variables(ServiceSettings, "<SERVICE>_")}
    common = set(ServiceSettings.model_fields)
    for kind in SERVICES.values():
        prefix = str(kind.settings.model_config.get("env_prefix"))
        own = variables(kind.settings, prefix)
        names |= {name: default for name, default in own.items() if name.removeprefix(prefix).lower() not in common}
    return names


def of_commands() -> set[str]:
    sources = (ROOT / "services" / "commands").rglob("*.py")
    return {name for path in sources for name in BY_OPTION.findall(path.read_text())}


@pytest.mark.parametrize("name", sorted(expected()))
def test_every_setting_is_listed_with_its_default(name: str) -> None:
    assert LISTED.get(name) == expected()[name]


def test_every_variable_of_the_command_line_is_listed() -> None:
    assert of_commands()
    assert of_commands() <= LISTED.keys()


def test_every_listed_variable_exists() -> None:
    assert LISTED.keys() == expected().keys() | of_commands()


def test_every_service_reads_the_common_settings_under_its_prefix() -> None:
    for name, kind in SERVICES.items():
        assert issubclass(kind.settings, ServiceSettings)
        assert kind.settings.model_config.get("env_prefix") == f"{name.upper()}_"


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_link_leads_to_a_file(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:services|shared|deploy|tests)/[\w/.]+)`", README))))
def test_every_named_file_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)`", README, re.MULTILINE))))
def test_every_make_target_exists(target: tuple[str, str]) -> None:
    name = "".join(target)
    assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
