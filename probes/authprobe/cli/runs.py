"""Options and help of the commands that work with the runs of the past."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("names", nargs=-1, metavar="[CASE]...")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("reports/results.json"),
    show_default=True,
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    default=Path("reports/baseline.json"),
    show_default=True,
)
@click.option("--note", help="Why; kept with each case that is accepted.")
@click.option("--partial", is_flag=True, help="Accept what could be tested, and leave the rest.")
def accept(names: tuple[str, ...], **options: object) -> None:
    """Make what the last run has seen the baseline: all of it, or these cases.

    CASE is an id, or a pattern in quotes. What is accepted is kept in reports/baseline.json, which
    belongs into git. Of a whole run, cases that are no more are taken out.

    \b
    Exit code: 0 accepted, 4 nothing was, 10 the file would have held a token.

    \b
    Examples:
      authprobe accept
      authprobe accept "cli-login/*" --note "refreshed since 2.1.330"
      authprobe accept --results my-reports/results.json --baseline my-reports/baseline.json
    """
    from authprobe.commands.accept import accept as command

    sys.exit(command(names, **options))  # type: ignore[arg-type]


@click.command()
@click.argument("names", nargs=-1, metavar="[CASE]...")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("reports/results.json"),
    show_default=True,
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it there.")
def share(names: tuple[str, ...], results: Path, out: Path | None) -> None:
    """Print cases of the last run as one Markdown text for an issue.

    CASE is an id, or a pattern in quotes; without one, what is not as expected, the worst first.
    It tells what maintainers ask for, and which one thing matters by other cases of the run. Names,
    addresses, ids, homes and this machine's name are replaced; it fits into an issue on GitHub.

    \b
    Exit code: 0 printed or written, 4 no such case or no results, 10 it would have held a token.

    \b
    Examples:
      authprobe share
      authprobe share "cli-login/*" --out issue.md
      authprobe share --results my-reports/results.json | gh issue create --body-file -
    """
    from authprobe.commands.share import share as command

    sys.exit(command(names, results=results, out=out))


@click.command()
@click.argument("case", required=False)
@click.option("--history", "place", metavar="PATH|URL")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def history(case: str | None, place: str | None, as_json: bool) -> None:
    """Print the runs that are kept, or when and how CASE has changed.

    \b
    Exit code: 0 printed, 4 there is no history, no such case, or a damaged database.

    \b
    Examples:
      authprobe history
      authprobe history cli-login/claude-code@2.1.31/default/expired
      authprobe history --history postgresql://host/authprobe --json
    """
    from authprobe.commands.history import history as command

    sys.exit(command(case, place=place, as_json=as_json))


@click.command()
@click.option("--results", is_flag=True, help="Of results.json.")
@click.option("--versions", is_flag=True, help="Of a table of `authprobe versions`.")
def schema(results: bool, versions: bool) -> None:
    """Print the JSON Schema of a scenario file, or of another file of authprobe.

    \b
    Examples:
      authprobe schema > scenario.schema.json
      authprobe schema --results > results.schema.json
      authprobe schema --versions > versions.schema.json
    """
    if results and versions:
        raise click.UsageError("--results and --versions are two schemas; give one of them")
    if results:
        from authprobe.run.results_file import dump_schema
    elif versions:
        from authprobe.compatibility.table import dump_schema
    else:
        from authprobe.scenario.schema import dump_schema
    click.echo(dump_schema(), nl=False)
