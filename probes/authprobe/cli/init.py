"""Options and help of `authprobe init`."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from authprobe.cli.options import as_json
from authprobe.cli.values import OneOf

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


class NumberOrName(click.ParamType[str]):
    """One of several names, or its number from 1."""

    name = "number or name"

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the name."""
        text = str(value).strip().lower()
        numbered = {str(number): name for number, name in enumerate(self._names, start=1)}
        chosen = numbered.get(text, text)
        if chosen not in self._names:
            names = ", ".join(self._names)
            self.fail(f"enter a number from 1 to {len(self._names)}, or a name: {names}")
        return chosen


@click.command()
@click.argument(
    "folder", metavar="[DIRECTORY]", type=click.Path(path_type=Path), default=Path(), required=False
)
@click.option("--use", type=OneOf(list(USES)), help="What the first scenario is about.")
@click.option("--ci", type=OneOf(list(CI_SERVICES)), help="Service that gets a job.")
@click.option("--yes", is_flag=True, help="Ask nothing: claude-code, and the CI that is in use.")
@click.option("--no-run", "only_write", is_flag=True, help="Write the files; probe nothing.")
@as_json
def init(
    folder: Path, use: str | None, ci: str | None, yes: bool, only_write: bool, as_json: bool
) -> None:
    """Write a first scenario and a CI job that probes it.

    Asks two questions, unless --use and --ci or --yes answer them. Writes
    auth/first.yaml, authprobe.toml (unless the project has options already),
    .gitignore and, for GitHub or GitLab, a job below DIRECTORY: what is missing
    of them, all or none. A file that is there is left as it is and named, so
    that a later `authprobe init --ci github` adds the job. Then probes the
    scenario if it is new, as `authprobe run auth/` does, and says what to do
    next.

    \b
    Exit codes:
      0   written, and the scenario passed or was there already
      1   written; a case failed
      2   interrupted
      4   a file cannot be written, or is in the way, or a job would be below the
          root of a repository, where CI does not read it; nothing was written
      6   written; a case could not be tested here

    \b
    Examples:
      authprobe init
      authprobe init --yes
      authprobe init my-project --use python --ci github
      authprobe init --ci gitlab   # later: adds the job
      authprobe init --use gateway --ci none --no-run
    """
    from authprobe.commands.init import InitOptions
    from authprobe.commands.init import init as command
    from authprobe.commands.starter_files import CiService, StarterUse, find_ci, has_scenario

    if has_scenario(folder):
        use = use or StarterUse.CLAUDE_CODE  # not written, so there is nothing to ask
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
    click.echo(question, err=True)
    width = max(map(len, choices))
    for number, (name, text) in enumerate(choices.items(), start=1):
        click.echo(f"  {number}  {name:<{width}}  {text}", err=True)
    try:
        answer: str = click.prompt(
            "Number or name", type=NumberOrName(tuple(choices)), default=default, err=True
        )
    except click.Abort:
        raise KeyboardInterrupt from None
    return answer
