"""TODO module docstring."""

from pathlib import Path

import click

_scenarios = click.option(
    "--scenarios",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Files or folders with the cases.  [default: the bundled ones]",
)


_log_folder = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Where the log is: trials.jsonl.",
)


_jobs = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Clients at once.  [default: processors]",
)


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


_as_markdown = click.option(
    "--markdown", "as_markdown", is_flag=True, help="Print Markdown for an issue."
)
