"""Options and help of `authprobe schema`."""

import click


@click.command()
@click.option("--results", is_flag=True, help="Print the schema of results.json.")
@click.option(
    "--versions", is_flag=True, help="Print the schema of a table of `authprobe versions`."
)
@click.option("--diff", is_flag=True, help="Print the schema of `authprobe diff --json`.")
@click.option("--watch", is_flag=True, help="Print the schema of `authprobe watch --json`.")
@click.option(
    "--observation", is_flag=True, help="Print the schema of the observation.json of a drift."
)
@click.option("--config", is_flag=True, help="Print the schema of authprobe.toml.")
def schema(
    results: bool, versions: bool, diff: bool, watch: bool, observation: bool, config: bool
) -> None:
    """Print the JSON Schema of a file that authprobe uses.

    \b
    Exit codes:
      0   printed
      4   invalid option

    \b
    Examples:
      authprobe schema > scenario.schema.json
      authprobe schema --results > results.schema.json
      authprobe schema --versions > versions.schema.json
      authprobe schema --diff > diff.schema.json
      authprobe schema --watch > watch.schema.json
      authprobe schema --observation > observation.schema.json
      authprobe schema --config > config.schema.json
    """
    if results + versions + diff + watch + observation + config > 1:
        raise click.UsageError(
            "--results, --versions, --diff, --watch, --observation and --config are different; "
            "give only one"
        )
    if results:
        from authprobe.run.results_file import dump_schema
    elif versions:
        from authprobe.compatibility.table import dump_schema
    elif diff:
        from authprobe.report.diff_document import dump_schema
    elif watch:
        from authprobe.report.watch_document import dump_schema
    elif observation:
        from authprobe.drift.observation_file import dump_schema
    elif config:
        from authprobe.configuration.schema import dump_schema
    else:
        from authprobe.scenario.schema import dump_schema
    click.echo(dump_schema(), nl=False)
