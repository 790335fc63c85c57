"""The documentation agrees with the program, and its links resolve."""

import ast
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import click
import pytest
from click.testing import CliRunner

from authprobe.cli import main
from authprobe.cli.reference import commands_page
from authprobe.commands.completion import WORDS_FILE
from authprobe.core.client_kinds import ClientKind
from authprobe.diagnosis.model import model
from authprobe.emulator.standalone.control_api import requests
from authprobe.emulator.standalone.emulator import Emulator
from authprobe.engine.runner import load_plan
from authprobe.observation.findings import finding_meanings
from authprobe.report.reference.completion_words import completion_words
from authprobe.report.reference.reasons import reasons_markdown
from authprobe.report.reference.suites import suites_markdown
from authprobe.report.reference.variables import variables_markdown
from authprobe.scenario.load import load_file
from authprobe.scenario.schema import scenario_schema
from authprobe.settings import Settings
from tests.support.command import PROJECT, run
from tests.support.shown_commands import PAGES, blocks_of, calls_in, shown_commands
from tests.test_layers import LAYERS, PACKAGE

DOCS: Final = PROJECT / "docs"
README: Final = (PROJECT / "README.md").read_text()
EMULATOR: Final = (DOCS / "emulator.md").read_text()
MAX_README_LINES: Final = 200
EXPIRED: Final = (
    'API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"OAuth token '
    'has expired. Please obtain a new token or refresh your existing token."}}'
)
"""Output of `claude -p` with an expired token, as in the example of `authprobe explain`."""
BLOCK_FLAGS: Final = re.DOTALL | re.MULTILINE
CODE_BLOCK: Final = re.compile(r"^```.*?^```$", BLOCK_FLAGS)
CODE_SPAN: Final = re.compile(r"`[^`\n]+`")
LINK: Final = re.compile(r"\]\(((?!https?:)[^)\s]+)\)")
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


def links_of(page: Path) -> list[str]:
    """Return the relative links and anchors of a page, outside of code."""
    text = CODE_SPAN.sub("", CODE_BLOCK.sub("", page.read_text()))
    return sorted(set(LINK.findall(text)))


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    occurrences: Counter[str] = Counter()
    anchors = set()
    for heading in HEADING.findall(CODE_BLOCK.sub("", page.read_text())):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        anchors.add(f"{slug}-{occurrences[slug]}" if occurrences[slug] else slug)
        occurrences[slug] += 1
    return anchors


def command_paths(command: click.Command = main, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of a command and of each of its subcommands."""
    yield path
    if isinstance(command, click.Group):
        for name, subcommand in command.commands.items():
            yield from command_paths(subcommand, *path, name)


def help_text(*words: str) -> str:
    """Return the help that a command prints."""
    printed = CliRunner().invoke(main, [*words, "--help"], prog_name="authprobe")
    assert printed.exit_code == 0
    return printed.output


@pytest.mark.parametrize("words", sorted(command_paths()), ids=lambda words: " ".join(words))
def test_help_of_each_command_is_in_the_reference(words: tuple[str, ...]) -> None:
    title = " ".join(("authprobe", *words))
    section = f"## {title}\n\n```text\n{help_text(*words)}```\n"
    assert section in (DOCS / "commands.md").read_text(), "run: make docs"


def test_reference_of_commands_is_current() -> None:
    assert (DOCS / "commands.md").read_text() == commands_page(), "run: make docs"


def test_reference_of_variables_is_current() -> None:
    assert (DOCS / "variables.md").read_text() == variables_markdown(), "run: make docs"


def test_reference_of_reasons_is_current() -> None:
    assert (DOCS / "reasons.md").read_text() == reasons_markdown(), "run: make docs"


def test_reference_of_suites_is_current() -> None:
    assert (DOCS / "suites.md").read_text() == suites_markdown(), "run: make docs"


def test_words_of_completion_are_current() -> None:
    assert WORDS_FILE.read_text() == completion_words(), "run: make docs"


def test_commands_of_the_readme_exist() -> None:
    subcommands = {words[0] for words in command_paths() if words}
    shown = set(re.findall(r"^(?:\| `)?authprobe ([a-z]+)", README, re.MULTILINE))
    assert {"run", "explain", "share"} <= shown <= subcommands


def parse_call(call: str) -> None:
    """Parse a call of `authprobe` as the program does, without running it.

    Raises:
        click.UsageError: no such command or option.
    """
    words = shlex.split(call)[1:]
    command: click.Command = main
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    context = click.Context(command, info_name=command.name)
    command.make_parser(context).parse_args(words)


def test_the_background_of_a_comparison_is_explained_where_it_is_shown() -> None:
    shown = [page for page in PAGES if re.search(r"^in the background: ", page.read_text(), re.M)]
    assert DOCS / "watch.md" in shown
    for page in shown:
        assert "(diff.md#when-a-question-broke)" in page.read_text(), page
    section = (DOCS / "diff.md").read_text().partition("## When a question broke")[2]
    assert "The **background** " in section.partition("\n## ")[0]


def calls_of(page: Path) -> Iterator[str]:
    """Yield the calls of `authprobe` that a page shows, also in jobs of CI and in its text."""
    text = page.read_text()
    for command in shown_commands(page):
        yield from command.calls
    for _, job in blocks_of(text, "yaml"):
        for line in job.splitlines():
            yield from calls_in(line.partition(" #")[0])
    for span in CODE_SPAN.findall(CODE_BLOCK.sub("", text)):
        # The text may name an option without its value.
        yield from (f"{call} VALUE" for call in calls_in(span.strip("`\\")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_of_a_page_exists(page: Path) -> None:
    if page.name != "commands.md":  # its commands are the help, which other tests compare
        for call in calls_of(page):
            parse_call(call)


def test_commands_of_pages_are_read_and_wrong_ones_refused() -> None:
    calls = {page.name: list(calls_of(page)) for page in PAGES}
    assert "authprobe run --suite smoke --traces" in calls["telemetry.md"]  # after a variable
    assert "authprobe explain error.log ~/.claude/settings.json -" in calls["explain.md"]
    assert "authprobe drift --out second --confirm first/drift.json" in calls["drift.md"]
    assert "authprobe schema --diff VALUE" in calls["diff.md"]
    with pytest.raises(click.NoSuchOption, match="--verson"):
        parse_call("authprobe run --verson 2")


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= MAX_README_LINES


def test_readme_links_every_page() -> None:
    linked = {PROJECT / link for link in links_of(PROJECT / "README.md")}
    assert set(PAGES) - linked == {PROJECT / "README.md"}


def test_scenario_of_the_readme_loads(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "readme.yaml"
    path.write_text(text)
    assert load_file(path).id in README


@pytest.mark.parametrize(
    "page", [PROJECT / "README.md", DOCS / "explain.md"], ids=lambda page: page.name
)
def test_example_of_explain_is_what_it_prints(page: Path) -> None:
    (example,) = re.findall(
        r"^\$ claude [^\n]*\| authprobe explain\n(.*?)```", page.read_text(), BLOCK_FLAGS
    )
    printed = CliRunner().invoke(main, ["explain"], input=EXPIRED).output.splitlines()
    lines = example.splitlines()
    if lines[-1] == "  ...":
        lines.pop()
        del printed[len(lines) :]
    assert len(lines) == len(printed)
    for line, row in zip(lines, printed, strict=True):
        whole = line.removesuffix(" ...")
        shown = row if whole == line else row[: len(whole)]
        assert without_weights(whole) == without_weights(shown)


def test_the_thresholds_of_the_model_are_those_of_the_docs() -> None:
    trained, page = model(), (DOCS / "explain.md").read_text()
    assert f"*certain* from {trained.certain:g}, *likely* from {trained.likely:g}" in page


def without_weights(line: str) -> str:
    """Return a line without the numbers that each training of the model changes."""
    return re.sub(r"(\+|certain, |likely, |possible, )\d+\.\d+", r"\1N", line)


def test_readme_has_the_number_of_bundled_cases() -> None:
    assert f"{len(load_plan(Settings()).cases)} cases" in README


def test_every_key_and_value_of_a_scenario_is_explained() -> None:
    pages = "".join((DOCS / name).read_text() for name in ("scenarios.md", "clients.md"))
    explained = set(re.findall(r"`([\w{}-]+)`", pages))
    vocabulary: set[str] = set()
    for definition in [scenario_schema(), *scenario_schema()["$defs"].values()]:
        vocabulary |= set(definition.get("properties", {})) | set(definition.get("enum", ()))
    assert vocabulary - explained == set()


@pytest.mark.parametrize("kind", list(ClientKind))
def test_every_client_is_explained(kind: ClientKind) -> None:
    assert re.search(rf"^\|.*`{kind}[@`]", (DOCS / "scenarios.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_resolves(page: Path) -> None:
    broken = []
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        is_anchor_missing = anchor and target.suffix == ".md" and anchor not in anchors_of(target)
        if not target.exists() or is_anchor_missing:
            broken.append(link)
    assert broken == []


def test_table_of_rules_is_current() -> None:
    printed = CliRunner().invoke(main, ["emulator", "--rules", "--markdown"]).output
    assert (DOCS / "rules.md").read_text() == printed, "run: make docs"


def test_example_application_passes_its_tests(tmp_path: Path) -> None:
    app, test = re.findall(r"```python\n(.*?)```", EMULATOR, re.DOTALL)
    (tmp_path / "app.py").write_text(app)
    (tmp_path / "test_app.py").write_text(test)
    ended = run(cwd=tmp_path, argv=[sys.executable, "-m", "pytest", "-q"])
    assert (ended.code, "5 passed" in ended.out) == (0, True), ended.out + ended.err


def test_every_finding_is_explained() -> None:
    page = (DOCS / "findings.md").read_text()
    rows = [f"| `{name}` | {text} |" for name, text in finding_meanings().items()]
    assert [row for row in rows if row not in page] == []


def test_every_request_of_the_control_api_is_explained() -> None:
    rows = [f"| `{method} {path}` | {text} |" for method, path, text in requests()]
    assert [row for row in rows if row not in EMULATOR] == []


def test_every_attribute_of_the_emulator_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)", EMULATOR))
    attributes = {name for name in dir(Emulator) if not name.startswith("_")}
    assert attributes - explained == set()


def test_no_path_of_a_machine_and_no_registry_host_is_tracked() -> None:
    hosts = r"files\.pythonhosted\.org|registry\.npmjs\.org|pypi\.org/simple|deb\.debian\.org"
    matches = subprocess.run(
        [
            *("git", "grep", "-nIE", f"{hosts}|{re.escape(str(Path.home()))}/|{PROJECT.parent}/"),
            *("--", ".", ":!tests/diagnosis/corpus"),  # texts of others, from other machines
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    others = [
        line for line in matches.stdout.splitlines() if "tests/integration/test_docs.py" not in line
    ]
    assert others == []


def definitions_of(path: Path) -> set[str]:
    """Return the names that a module or its classes define, such as `Cache.prepare`."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        names |= _names_of(node)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for member in node.body for name in _names_of(member)}
    return names


def _names_of(node: ast.stmt) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


@pytest.mark.parametrize(
    "page", [DOCS / "architecture.md", PROJECT / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_every_file_and_name_of_the_code_exists(page: Path) -> None:
    missing = []
    references = re.findall(
        r"`(\w[\w./-]*\.(?:py|yaml|md|json))(?::\s([\w.]+))?`", page.read_text()
    )
    assert references
    for name, definition in references:
        folders = (
            PROJECT,
            PACKAGE,
            PACKAGE / "emulator",
            PROJECT / "tests" / "diagnosis" / "corpus",
        )
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is None or (definition and definition not in definitions_of(path)):
            missing.append(f"{name}: {definition}")
    assert [name for name in missing if "NAME.yaml" not in name] == []


def test_architecture_lists_every_layer() -> None:
    page = (DOCS / "architecture.md").read_text()
    assert tuple(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == LAYERS
