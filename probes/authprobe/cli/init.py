"""Options and help of `authprobe init`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from authprobe.cli.options import as_json

USES: Final = {
    "claude-code": "the command claude",
    "python": "an SDK for Python",
    "node": "an SDK for Node.js",
    "gateway": "claude behind a gateway",
}
CI_SERVICES: Final = {
    "github": "GitHub Actions",
    "gitlab": "GitLab CI",
    "none": "none, or another one",
}


@click.command()
@click.argument(
    "folder", metavar="[DIRECTORY]", type=click.Path(path_type=Path), default=Path(), required=False
)
@click.option("--use", type=click.Choice(list(USES)), help="What the first scenario is about.")
@click.option("--ci", type=click.Choice(list(CI_SERVICES)), help="Service that gets a job.")
@click.option("--yes", is_flag=True, help="Ask nothing: claude-code, and the CI that is in use.")
@click.option("--no-run", "only_write", is_flag=True, help="Write the files; probe nothing.")
@as_json
def init(
    folder: Path, use: str | None, ci: str | None, yes: bool, only_write: bool, as_json: bool
) -> None:
    """Write a first scenario and a CI job that probes it.

    Asks two questions, unless --use and --ci or --yes answer them. Writes
    auth/first.yaml, authprobe.toml (unless the project has options already)
    and, for GitHub or GitLab, a job below DIRECTORY, all or none, and changes
    no file that is there. Then probes the scenario, as `authprobe run auth/`
    does, and says what to do next.

    \b
    Exit codes:
      0   written, and the scenario passed
      1   written; a case failed
      2   interrupted
      4   a file is there already, or cannot be written; nothing was written
      6   written; a case could not be tested here

    \b
    Examples:
      authprobe init
      authprobe init --yes
      authprobe init my-project --use python --ci github
      authprobe init --use gateway --ci none --no-run
    """
    from authprobe.commands.init import InitOptions
    from authprobe.commands.init import init as command
    from authprobe.commands.starter_files import CiService, StarterUse, find_ci

    if yes:
        use, ci = use or StarterUse.CLAUDE_CODE, ci or find_ci(folder)
    use = use or _ask("What do you use?", USES, StarterUse.CLAUDE_CODE)
    ci = ci or _ask("Which CI?", CI_SERVICES, find_ci(folder))
    options = InitOptions(
        folder=folder, use=StarterUse(use), ci=CiService(ci), only_write=only_write, as_json=as_json
    )
    sys.exit(command(options))


def _ask(question: str, choices: Mapping[str, str], default: str) -> str:
    """Return the choice of the user, at the terminal; stdout is for results only.

    Raises:
        SettingsError: there is no terminal.
    """
    from authprobe.errors import SettingsError

    if not sys.stdin.isatty():
        raise SettingsError(
            "there is no terminal to ask at; give --use and --ci, or --yes; nothing was written"
        )
    names = list(choices)
    click.echo(question, err=True)
    for number, text in enumerate(choices.values(), start=1):
        click.echo(f"  {number}  {text}", err=True)
    try:
        number = click.prompt(
            "Number",
            type=click.IntRange(1, len(names)),
            default=names.index(default) + 1,
            err=True,
        )
    except click.Abort:
        raise KeyboardInterrupt from None
    return names[number - 1]
