"""TODO module docstring."""

import click


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
