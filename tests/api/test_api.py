"""The public interface: its names and types, and what importing it costs."""

import dataclasses
import enum
import inspect
import re
import subprocess
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import authprobe
from tests.support.command import PROJECT

NAMES = {
    *("__version__", "run", "emulate", "explain", "diff"),
    *("ProbesError", "ScenarioError", "SettingsError", "RecordError"),
    *("RunResult", "CaseResult", "Status", "Outcome", "Isolation"),
    *("Mismatch", "Reason", "Finding", "Diagnosis", "Alternative", "Exchange", "RewrittenError"),
    *("DiffDocument", "Question", "Effect", "Change", "Aspect", "Background"),
    *("Emulator", "Token", "TokenKind", "TokenState", "ResourceKind", "ModelAnswer", "ToolCall"),
    *("StopReason", "AccountState", "Backend", "Fault", "Host", "Service", "Requirement", "Holds"),
    *("Strip", "CredentialTreatment", "ErrorRewrite", "ErrorForm", "Proxy"),
}
PUBLIC = {name: getattr(authprobe, name) for name in NAMES - {"__version__"}}


def test_the_public_names_are_exactly_these() -> None:
    assert set(authprobe.__all__) == NAMES
    assert set(authprobe.__all__) <= set(dir(authprobe))


def test_the_stub_has_the_same_names() -> None:
    text = (PROJECT / "probes" / "authprobe" / "__init__.pyi").read_text()
    imported = re.findall(r"^from (\S+) import (\w+) as (\w+)$", text, re.MULTILINE)
    assert {name for _, name, _ in imported} | {"__version__"} == NAMES
    assert all(name == alias for _, name, alias in imported)
    for module, name, _ in imported:
        assert getattr(sys.modules[module], name) is PUBLIC[name]


def test_the_functions_are_not_hidden_by_the_modules_of_their_names() -> None:
    import authprobe.diff.model
    import authprobe.run.model

    assert isinstance(authprobe.run, types.FunctionType)
    assert isinstance(authprobe.diff, types.FunctionType)
    assert isinstance(sys.modules["authprobe.run"], types.ModuleType)
    with pytest.raises(AttributeError, match="'authprobe' has no attribute 'rnu'"):
        authprobe.rnu  # type: ignore[attr-defined]  # noqa: B018 - raises


def annotations(value: object) -> Iterator[object]:
    """Yield every type in the signatures of a public function or class."""
    if isinstance(value, types.FunctionType):
        yield from typing.get_type_hints(value).values()
    elif isinstance(value, type) and not issubclass(value, enum.Enum | Exception):
        hints = typing.get_type_hints(value)
        yield from (hint for name, hint in hints.items() if not name.startswith("_"))
        for name, member in vars(value).items():
            if name.startswith("_"):
                continue
            function = member.fget if isinstance(member, property) else member
            if isinstance(function, types.FunctionType):
                yield from typing.get_type_hints(function).values()


def own_classes(hint: object) -> Iterator[type]:
    """Yield the classes of authprobe in a type."""
    if isinstance(hint, type) and hint.__module__.startswith("authprobe"):
        yield hint
    for argument in (*typing.get_args(hint), *getattr(hint, "__args__", ())):
        yield from own_classes(argument)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_no_signature_has_a_type_that_is_not_public(name: str) -> None:
    types_in_it = {each for hint in annotations(PUBLIC[name]) for each in own_classes(hint)}
    assert types_in_it - set(PUBLIC.values()) == set()


def test_the_types_of_a_signature_are_found() -> None:
    assert set(own_classes(typing.get_type_hints(authprobe.diff)["before"])) == {
        authprobe.RunResult
    }
    assert authprobe.Exchange in {
        each for hint in annotations(authprobe.Emulator) for each in own_classes(hint)
    }


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_documented(name: str) -> None:
    documentation = inspect.getdoc(PUBLIC[name])
    assert documentation
    assert not documentation.startswith(f"{name}(")  # the text that dataclass makes
    if dataclasses.is_dataclass(PUBLIC[name]) and name in {"RunResult", "CaseResult"}:
        page = (PROJECT / "docs" / "api.md").read_text()
        members = {field.name for field in dataclasses.fields(PUBLIC[name])}
        assert {each for each in members if f"`{each}`" not in page} == set()


def test_importing_authprobe_imports_nothing_of_it_nor_of_others() -> None:
    code = (
        "import sys; before = set(sys.modules); "
        f"sys.path.insert(0, {str(PROJECT / 'probes')!r}); import authprobe; "
        "print(*sorted(set(sys.modules) - before))"
    )
    output = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "authprobe" in output.split()
    outside = {
        name
        for name in output.split()
        if name.partition(".")[0] not in (sys.stdlib_module_names - {"asyncio", "typing"})
    }
    assert outside == {"authprobe"}


def test_a_submodule_can_be_imported_in_every_way(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(PROJECT / 'probes')!r})\n"
        "from authprobe.run import json_file\n"
        "from authprobe.run.model import Run\n"
        "from authprobe import settings\n"
        "import importlib, pickle, authprobe\n"
        "importlib.import_module('authprobe.run.costs')\n"
        "assert pickle.loads(pickle.dumps(Run)) is Run\n"
        "assert pickle.loads(pickle.dumps(authprobe.run)) is authprobe.run\n"
        "assert callable(authprobe.run) and callable(authprobe.diff)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
