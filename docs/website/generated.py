"""Pages of the website that are made from data: one for each cause, incident and versions table."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from authprobe.compatibility.table import read_table
from authprobe.diagnosis.causes import Cause, Tier, causes
from authprobe.report.markdown.summary import escaped
from authprobe.report.reference.causes import rules_of
from authprobe.report.versions import markdown
from docs.website.markdown import PROJECT, REPOSITORY

SCENARIOS: Final = PROJECT / "scenarios"
MAX_TEXT: Final = 10_000
"""Letters of a text of the bundled data; longer than any of them."""
WHO_ACTS: Final = {
    Tier.USER: "You can do this yourself.",
    Tier.ADMINISTRATOR: "An administrator of the organization or of the network has to do this.",
    Tier.WAIT: "Nobody has to do anything but wait.",
    Tier.UPSTREAM: "Only the makers of the client or of the service can mend it: report it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedPage:
    """A page with its path in the website and its name in the navigation."""

    path: str
    name: str
    text: str


def generated_pages() -> Iterator[GeneratedPage]:
    """Yield the pages of all causes, incidents and versions tables."""
    scenarios = {path: _head(path) for path in sorted(SCENARIOS.rglob("*.yaml"))}
    scenarios = {path: head for path, head in scenarios.items() if "id" in head}
    for cause in causes().values():
        yield _cause_page(cause, scenarios)
    for path, head in scenarios.items():
        if path.parent.name == "incidents":
            yield _incident_page(path, head)
    for path in sorted((PROJECT / "docs" / "versions").glob("*.json")):
        if path.name != "schema.json":
            yield _versions_page(path)


def _head(path: Path) -> dict[str, Any]:
    """Return what a scenario file says before its axes, as its checks have read it already."""
    text = path.read_text(encoding="utf-8")
    head = re.split(r"^(?:matrix|definitions|credentials|expect):", text, maxsplit=1, flags=re.M)[0]
    content = yaml.safe_load(head)
    return content if isinstance(content, dict) else {}


def _page(path: str, name: str, title: str, description: str, lines: list[str]) -> GeneratedPage:
    # The template writes both into attributes and into the header as they are.
    head = "".join(
        f"{key}: {json.dumps(html.escape(text))}\n"
        for key, text in (("title", title), ("description", description))
    )
    text = "\n".join([f"---\n{head}---\n", f"# {_text(title)}", "", *lines])
    return GeneratedPage(path=path, name=name, text=text + "\n")


def _text(text: str) -> str:
    """Return a text for Markdown, in which commands between backticks stay code."""
    return re.sub(r"\\`([^`]*?)\\`", _span, escaped(text, MAX_TEXT))


def _span(match: re.Match[str]) -> str:
    is_plain = "&" not in match[1]
    return "`" + re.sub(r"\\(.)", r"\1", match[1]) + "`" if is_plain else match[0]


def _code(*lines: str) -> list[str]:
    return ["````text", *lines, "````", ""]


def _source_line(source: str) -> str:
    """Return a source as a link; what is not wholly a URL stays text."""
    is_url = re.fullmatch(r"https?://[^\s<>\"'`]+", source)
    return f"- <{source}>" if is_url else f"- {_text(source)}"


def _cause_page(cause: Cause, scenarios: dict[Path, dict[str, Any]]) -> GeneratedPage:
    lines = [f"Cause `{cause.id}`. {_text(cause.summary)}", ""]
    if cause.errors:
        lines += ["## Errors", "", *_code(*cause.errors)]
        lines += [
            "`authprobe explain` names the cause of the whole output, which also has what speaks "
            "for another cause ([how](../explain.md)):",
            "",
            *_code("authprobe explain error.log"),
        ]
    lines += ["## Remedy", "", f"{_text(cause.remedy.text)}", ""]
    lines += [WHO_ACTS[cause.remedy.tier], ""]
    lines += _code(*cause.remedy.commands) if cause.remedy.commands else []
    if cause.experiment:
        lines += ["## The experiment that decides", "", _text(cause.experiment.text), ""]
        if cause.experiment.case:
            lines += _code(f"authprobe run --case {cause.experiment.case}")
    if rules := rules_of(cause):
        lines += [
            "## Rules of the emulator",
            "",
            "| rule | status | message |",
            "| --- | --- | --- |",
        ]
        lines += [
            f"| [{row.id}](../rules.md) | {row.status} | {_text(row.message or '')} |"
            for row in rules
        ]
        lines.append("")
    case = ((cause.experiment and cause.experiment.case) or "").partition("/")[0]
    if related := [
        (path, head)
        for path, head in scenarios.items()
        if head["id"] == case or set(head.get("sources", ())) & _reports(cause)
    ]:
        lines += ["## Scenarios", "", *(_scenario_line(path, head) for path, head in related), ""]
    lines += ["## Sources", "", f"Certainty: {cause.certainty}."]
    if cause.seen:
        lines[-1] += f" Observed {' to '.join(dict.fromkeys(cause.seen))}."
    lines += ["", *map(_source_line, cause.sources), ""]
    lines.append(
        "Questions that decide between causes are on the page of [all causes](../causes.md)."
    )
    title = cause.errors[0] if cause.errors else cause.summary
    return _page(f"causes/{cause.id}.md", cause.id, title, cause.summary, lines)


def _reports(cause: Cause) -> set[str]:
    """Return the sources of a cause that are about it, unlike pages about many errors."""
    return {source for source in cause.sources if "/issues/" in source}


def _scenario_line(path: Path, head: dict[str, Any]) -> str:
    own = path.relative_to(PROJECT)
    link = f"{REPOSITORY}/blob/main/{own}"
    if path.parent.name == "incidents":
        link = f"../incidents/{path.stem}.md"
    return f"- [{_text(head['title'])}]({link}) (`{own}`)"


def _incident_page(path: Path, head: dict[str, Any]) -> GeneratedPage:
    own = path.relative_to(PROJECT)
    lines = [
        f"{_text(head['why'])}",
        "",
        "Whether the versions show it is in the [table of incidents](../incidents.md).",
        "",
        *_code(f"authprobe run incidents -k {head['id']}"),
        "## Scenario",
        "",
        f"[{own}]({REPOSITORY}/blob/main/{own})",
        "",
        "````yaml",
        *path.read_text(encoding="utf-8").splitlines(),
        "````",
        "",
        "## Sources",
        "",
        *map(_source_line, head["sources"]),
    ]
    return _page(f"incidents/{path.stem}.md", path.stem, head["title"], head["why"], lines)


def _versions_page(path: Path) -> GeneratedPage:
    table = read_table(path)
    lines = [
        f"[The timelines]({path.stem}.html) and [the data]({path.name}); "
        "[how they are made](../versions.md).",
        "",
        *markdown(table),
    ]
    title = f"{path.stem}: behaviour by version"
    return _page(f"versions/{path.stem}-table.md", path.stem, title, title, lines)
