"""The list of suites, for docs/suites.md: `python -m authprobe.report.reference.suites`."""

import functools

import click

from authprobe.engine.runner import load_plan
from authprobe.plan.suites import TOP_FOLDER, Suite, bundled_suites
from authprobe.report.model.phrases import plural
from authprobe.settings import Settings

HEAD = """\
# Suites

Which of the bundled cases `authprobe run --suite NAME` probes, and why. Generated from
[suites.yaml](../probes/authprobe/plan/suites.yaml) by `make docs`. With `--list`, it prints the
cases.

Without `--suite`, `authprobe run` probes `standard`. If you name scenarios, or choose with `-k`,
`--client` or `--case`, nothing is left out: `authprobe run --client raw-http` has every bundled
case of plain HTTP. Beside `--suite`, `--client` replaces the versions of the cases that the suite
has, and `-k` chooses among them. pytest collects the cases of `full` (`pytest --pyargs
authprobe.test_compat`).

A run of `smoke` or `standard` says nothing about cases that are absent, and `authprobe accept`
after it keeps what the baseline has of the others.

| suite | cases | what it asks |
| --- | ---: | --- |
"""


def suites_markdown() -> str:
    """Return every suite with its cases and the reasons for them, as Markdown."""
    sections = {suite: case_ids(suite) for suite in bundled_suites().values()}
    rows = (f"| `{s.id}` | {len(ids):,} | {s.title}. |\n" for s, ids in sections.items())
    return "".join((HEAD, *rows, *(_section(s, ids) for s, ids in sections.items())))


@functools.cache
def case_ids(suite: Suite) -> tuple[str, ...]:
    """Return the ids of the cases that a suite has."""
    return tuple(case.id for case in load_plan(Settings(suite=suite.id)).cases)


def _section(suite: Suite, ids: tuple[str, ...]) -> str:
    folders = [folder for folder in suite.folders if folder != TOP_FOLDER]
    place = f" Its scenarios are in the folder {folders[0]}." if folders == [*suite.folders] else ""
    head = f"\n## {suite.id}\n\n{suite.title}. {suite.why}{place}\n\n"
    rows = (
        f"| {'<br>'.join(f'`{pattern}`' for pattern in choice.cases)} | {choice.why} |\n"
        for choice in suite.select
    )
    clients = {id.split("/")[1] for id in ids}
    return "".join(
        (
            head,
            "| cases | why |\n| --- | --- |\n",
            *rows,
            f"\n{plural(len(ids), 'case')} of {plural(len(clients), 'client')}.\n",
        )
    )


if __name__ == "__main__":
    click.echo(suites_markdown(), nl=False)
