"""Definitions that a project or an installed package names, for every scenario."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.errors import SettingsError
from authprobe.plan.expand import read_client
from authprobe.scenario import project_clients
from authprobe.scenario.bundled_clients import KNOWN_CLIENTS, source_problems

BOT = 'clients:\n  bot:\n    title: {title}\n    run: ["/bin/true", "{{prompt}}"]\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Working directory, two folders below a pyproject.toml."""
    folder = tmp_path / "src" / "deep"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return tmp_path


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folder of installed packages, which may not be imported."""
    folder = tmp_path / "site-packages"
    package = folder / "acme"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(folder))
    project_clients.package_sources.cache_clear()
    yield folder
    project_clients.package_sources.cache_clear()
    importlib.invalidate_caches()


def name_files(project: Path, clients: str) -> None:
    (project / "pyproject.toml").write_text(f"[tool.authprobe]\nclients = {clients}\n")


def register(packages: Path, value: str) -> None:
    info = packages / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[authprobe.clients]\nacme = {value}\n")


def title(kind: str) -> str | None:
    definition = KNOWN_CLIENTS[kind].definition
    return definition.title if definition else None


def test_clients_of_the_project_are_known_in_its_folders(project: Path) -> None:
    name_files(project, '["clients.yaml"]')
    (project / "clients.yaml").write_text(BOT.format(title="ours"))
    assert title("bot") == "ours"
    assert "bot" in list(KNOWN_CLIENTS)
    assert KNOWN_CLIENTS["bot"].folder == project
    assert str(read_client("bot")) == "bot@installed"
    assert source_problems() == ()


def test_clients_of_a_package_are_known_without_importing_it(packages: Path, project: Path) -> None:
    register(packages, "acme:data/clients.yaml")
    (packages / "acme" / "data").mkdir()
    (packages / "acme" / "data" / "clients.yaml").write_text(BOT.format(title="theirs"))
    assert title("bot") == "theirs"
    assert "acme" not in sys.modules
    name_files(project, '["clients.yaml"]')
    (project / "clients.yaml").write_text(BOT.format(title="ours"))
    project_clients.project_sources.cache_clear()
    assert title("bot") == "ours"


def test_definition_of_the_project_counts_instead_of_a_bundled_one(project: Path) -> None:
    assert title("litellm") != "ours"
    project_clients.project_sources.cache_clear()
    name_files(project, '["clients.yaml"]')
    (project / "clients.yaml").write_text(BOT.format(title="ours").replace("bot", "litellm"))
    assert title("litellm") == "ours"


@pytest.mark.parametrize(
    ("clients", "problem"),
    [
        ('["missing.yaml"]', "missing.yaml:1:1: no such file"),
        ('"clients.yaml"', "clients: must be a list of paths"),
        ("[1]", "clients: must be a list of paths"),
        ("[", "is not valid TOML"),
        ('["clients.yaml"]', "claude-code"),
    ],
)
def test_broken_file_of_a_project_is_told_where_one_of_its_clients_is_named(
    project: Path, clients: str, problem: str
) -> None:
    name_files(project, clients)
    (project / "clients.yaml").write_text(BOT.format(title="x").replace("bot", "claude-code"))
    assert KNOWN_CLIENTS["claude-code"].definition is None
    (told,) = source_problems()
    assert problem in told
    assert str(project) in told
    with pytest.raises(SettingsError, match="no such client") as error:
        read_client("my-bot")
    assert told in str(error.value)


@pytest.mark.parametrize(
    "value", ["nothing:clients.yaml", "acme", "acme.sub:clients.yaml", "a..b:c"]
)
def test_entry_point_without_a_package_is_a_problem(packages: Path, value: str) -> None:
    register(packages, value)
    (told,) = source_problems()
    assert "there is no such package; write module:clients.yaml" in told
    assert "acme" not in sys.modules


def test_project_without_the_table_names_nothing(project: Path) -> None:
    (project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert project_clients.project_sources(project) == ()
