"""Build the website from docs/ and the generated pages: `python -m docs.website.build`.

Zensical builds it: it is the successor of Material for MkDocs, which its package calls inactive,
and it reads the same configuration, so that the other one can still build this. Both search without
a server and fail on links between pages that are broken. What Zensical does not check, this does:
links to other files, and that each page is in the navigation.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
import yaml

from docs.website.generated import GeneratedPage, generated_pages
from docs.website.markdown import PROJECT, BrokenLinkError, website_text

DOCS: Final = PROJECT / "docs"
OWN: Final = Path(__file__).parent
CONFIG: Final = OWN / "mkdocs.yml"
HOME: Final = "index.md"
HEAD_OF_HOME: Final = "---\ntitle: A laboratory for Claude authentication\n---\n\n"
"""The title of the home page, whose heading is the name of the site, which follows each title."""
PAGES_OF_PROJECT: Final = {
    PROJECT / "README.md": HOME,
    **{PROJECT / name: name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")},
}


class WebsiteError(click.ClickException):
    """The website cannot be built."""


def build(folder: Path) -> Path:
    """Build the website in a folder, which is removed first, and return the folder of its pages.

    Raises:
        WebsiteError: a broken link, a page that is in no section, or a warning of Zensical.
    """
    shutil.rmtree(folder, ignore_errors=True)
    pages = tuple(generated_pages())
    try:
        _write_pages(folder / "docs", pages)
    except BrokenLinkError as error:
        raise WebsiteError(str(error)) from error
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["nav"] = list(_with_pages(config["nav"], pages))
    check_navigation(config["nav"], folder / "docs")
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", "mkdocs.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise WebsiteError(f"zensical: exit code {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return folder / "site"


def _write_pages(folder: Path, pages: Sequence[GeneratedPage]) -> None:
    """Write every page, and copy the pictures, tables and schemas beside them."""
    files = [path for path in sorted(DOCS.rglob("*")) if path.is_file() and OWN not in path.parents]
    places = PAGES_OF_PROJECT | {path: str(path.relative_to(DOCS)) for path in files}
    for path, place in places.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            relative = {other: _relative(name, place) for other, name in places.items()}
            head = HEAD_OF_HOME if place == HOME else ""
            target.write_text(head + website_text(path, relative), encoding="utf-8")
        else:
            shutil.copyfile(path, target)
    for page in pages:
        target = folder / page.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page.text, encoding="utf-8")
    for name in ("style.css", "accessible.js", "iframe-worker.js"):
        shutil.copyfile(OWN / name, folder / name)


def _relative(name: str, place: str) -> str:
    return "../" * place.count("/") + name


def _with_pages(nav: Sequence[Any], pages: Sequence[GeneratedPage]) -> Iterator[Any]:
    """Yield the entries of the navigation, with the generated pages instead of their folders."""
    for entry in nav:
        match entry:
            case str() if entry.endswith("/"):
                yield from ({p.name: p.path} for p in pages if p.path.startswith(entry))
            case dict():
                ((title, value),) = entry.items()
                inner = value if isinstance(value, str) else list(_with_pages(value, pages))
                yield {title: inner}
            case _:
                yield entry


def check_navigation(nav: Sequence[Any], folder: Path) -> None:
    """Raise if a page is in no section of the navigation, or in two, or does not exist.

    Raises:
        WebsiteError: the pages, and what to do.
    """
    entries = list(_entries(nav))
    pages = {str(path.relative_to(folder)) for path in folder.rglob("*.md")}
    problems = [
        *(f"{page}: in no section" for page in sorted(pages - {*entries})),
        *(f"{page}: no such page" for page in sorted({*entries} - pages)),
        *(
            f"{page}: in two sections"
            for page in sorted({e for e in entries if entries.count(e) > 1})
        ),
    ]
    if problems:
        lines = "\n".join(problems)
        raise WebsiteError(f"{CONFIG.relative_to(PROJECT)}, nav:\n{lines}")


def _entries(nav: Sequence[Any]) -> Iterator[str]:
    for entry in nav:
        values = entry.values() if isinstance(entry, dict) else [entry]
        for value in values:
            if isinstance(value, str):
                yield value
            else:
                yield from _entries(value)


@click.command(help="Build the website in a folder (build/website), into its folder site.")
@click.option("--out", type=click.Path(path_type=Path), default=PROJECT / "build" / "website")
def main(out: Path) -> None:
    """Build the website."""
    click.echo(build(out))


if __name__ == "__main__":
    main()
