"""The command line: options and help; the work is in `commands/`."""

import gc
import sys
from pathlib import Path

import click

import probes
from probes.errors import ExitCode, ProbesError
from probes.sizes import read_size

PORT = click.IntRange(0, 65535)
click.UsageError.exit_code = ExitCode.USAGE  # 2, its own, is an interrupted run here


class Group(click.Group):
    """Prints our own troubles in one line each, with the exit code that stands for them."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ProbesError as error:
            click.echo(str(error), err=True)
            ctx.exit(ExitCode.USAGE)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 - a bug, told without what it may quote
            click.echo(_told(error), err=True, nl=False)
            ctx.exit(ExitCode.BUG)


def _told(error: Exception) -> str:
    import traceback

    from probes.redact import Redactor

    return Redactor()("".join(traceback.format_exception(error)))


class Size(click.ParamType[int]):
    """A size such as `5G`, in bytes."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The bytes that it means."""
        try:
            return read_size(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(probes.__version__, message="authprobe %(version)s")
def main() -> None:
    """What each Claude client does with each credential, seen by running it.

    \b
    Examples:
      authprobe run                                  every bundled scenario, report in reports/
      authprobe run -k oauth                         the cases whose id has this word
      authprobe run --client claude-code@2.1.50      the same questions to another version
      authprobe run my-scenarios/ --out my-reports   scenarios of your own
      authprobe emulator --issue api-key -- pytest   your own tests against the emulated backend
      authprobe explain error.log                    the cause of an error, and what to do
      authprobe doctor                               which credential wins here, and what is wrong
      authprobe clients list                         what was installed for it
      authprobe accept                               the last run becomes the baseline
      authprobe history                              the runs of the past
      authprobe share                                what failed, as the text of an issue
      authprobe bisect CASE --good 2.1.0 --bad 2.1.9 the version in which a case changed
      authprobe scan reports/ debug.log              whether files hold a credential
    """


@main.command()
@click.argument("scenarios", nargs=-1, type=click.Path(path_type=Path))
@click.option("-k", "expression", metavar="EXPR", help="Only cases whose id or tags fit.")
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="NAME[@VERSION]",
    help="Only this client; with a version or range, those in the place of the scenarios' own.",
)
@click.option("--case", "cases", multiple=True, metavar="ID", help="Only this case.")
@click.option("--list", "only_list", is_flag=True, help="Print the ids of the cases; probe none.")
@click.option("--target", default="emulator", show_default=True, metavar="emulator|live")
@click.option("--jobs", type=int, metavar="N", help="Clients at once.  [default: processors]")
@click.option("--out", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="Accepted cases, or results, to compare with.  [default: reports/baseline.json, if there]",
)
@click.option(
    "--known-failures",
    type=click.Path(path_type=Path),
    help="Failures that are excused.  [default: reports/known-failures.yaml, if there]",
)
@click.option(
    "--history",
    metavar="PATH|URL|none",
    help="Where runs are kept.  [default: AUTHPROBE_HISTORY, or history.db in --out]",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a table.")
@click.option("--break-rule", "break_rules", multiple=True, hidden=True)
def run(**options: object) -> None:
    """Probe every case of SCENARIOS (files or folders; the bundled ones by default) and report.

    Writes report.html, results.json, junit.xml, ctrf.json and summary.md. Clients are installed
    into a cache on their first use; everything else happens on this machine's loopback.

    `incidents` names the bundled scenarios of single incidents, which it leaves out by default.

    \b
    Exit code: 0 every case as expected, 1 some not, 2 interrupted, 4 bad scenario or option,
    5 no case selected, 10 a report held a token and was not written.

    \b
    Examples:
      authprobe run
      authprobe run scenarios/oauth-direct.yaml
      authprobe run incidents
      authprobe run -k "login and expired" --client claude-code@2.1.112
      authprobe run --json | jq '.cases[].verdict.status'
    """
    from probes.emulator.remote import start_early

    if not options["only_list"]:
        start_early()
    # What the imports make stays until the end: looking through it for garbage is time lost.
    gc.disable()
    from probes.commands.run import run as command

    gc.freeze()
    gc.enable()
    sys.exit(command(**options))  # type: ignore[arg-type]


@main.command(context_settings={"ignore_unknown_options": False})
@click.option("--rules", is_flag=True, help="Print every rule and fault with its source, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="With --rules: print Markdown.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", type=PORT, default=0, help="HTTP and proxy.  [default: a free one]")
@click.option("--https-port", type=PORT, default=0, help="HTTPS.  [default: a free one]")
@click.option("--control-port", type=PORT, default=0, help="Control.  [default: a free one]")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="The backend's day, YYYY-MM-DD.")
@click.option("--standing", default="active", show_default=True, help="Of organisation and plan.")
@click.option("--counts-as-claude-code", is_flag=True, help="Take subscription tokens as its own.")
@click.option("--fault", multiple=True, metavar="NAME", help="Something that goes wrong.")
@click.option("--issue", multiple=True, metavar="KIND", help="Issue a token, as a variable.")
@click.option("--env-file", type=click.Path(path_type=Path), help="Write the variables here too.")
@click.option("--base-url/--no-base-url", default=True, help="Set ANTHROPIC_BASE_URL as well.")
@click.option("--quiet", is_flag=True, help="No line for each request.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def emulator(
    rules: bool, as_json: bool, as_markdown: bool, command: tuple[str, ...], **options: object
) -> None:
    """Serve the emulated backend on loopback, for the tests of other projects.

    Prints the variables by which programs find it, then a line on stderr for each request. With
    COMMAND it serves only while that runs, with those variables and none of your credentials.

    \b
    Exit code: 0 ended by Ctrl-C, 4 a bad option or a port that is taken; else that of COMMAND.

    \b
    Examples:
      authprobe emulator --issue api-key -- python my_app.py
      authprobe emulator --issue access-token --counts-as-claude-code --no-base-url -- claude -p hi
      authprobe emulator --port 8080 --fault A30
      authprobe emulator --rules
    """
    from probes.commands import emulator as commands

    if rules:
        sys.exit(commands.list_rules(as_json=as_json, as_markdown=as_markdown))
    sys.exit(commands.emulator(as_json=as_json, command=command, **options))  # type: ignore[arg-type]


@main.command()
@click.argument("file", required=False, metavar="[FILE|-]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--causes", "list_causes", is_flag=True, help="Print every cause, and end.")
@click.option("--markdown", "as_markdown", is_flag=True, help="With --causes: print Markdown.")
def explain(file: str | None, as_json: bool, list_causes: bool, as_markdown: bool) -> None:
    """Name the cause of an error, a log, a page, an exception, a whole issue, or a results.json.

    Reads FILE or standard input, so a text from the clipboard is pasted and ended with Ctrl-D.
    Tokens and addresses of people are taken out first; nothing is sent anywhere.

    \b
    Exit code: 0 a cause is named, 1 what is given says too little for one, 4 it cannot be read.

    \b
    Examples:
      authprobe explain error.log
      claude -p ping 2>&1 | authprobe explain
      authprobe explain --json issue.md | jq -r '.causes[0].id'
      authprobe explain reports/results.json
      authprobe explain --causes
    """
    from probes.commands import explain as commands

    if list_causes:
        sys.exit(commands.list_causes(as_markdown=as_markdown))
    sys.exit(commands.explain(file, as_json=as_json))


@main.command()
@click.option("--online", is_flag=True, help="Ask the documented hosts too, with made-up tokens.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(online: bool, as_json: bool) -> None:
    """Look at this machine: what is installed, which credential wins, and what is wrong.

    Reads the environment, settings and stored logins, and prints kinds, places and ages, never a
    value. It runs no program, writes nothing, refreshes nothing, and sends nothing unless asked.

    \b
    Exit code: 0 nothing worse than something to know, 1 an error or a warning, 4 a bad option.

    \b
    Examples:
      authprobe doctor
      authprobe doctor --online
      authprobe doctor --json | jq '.wins'
      authprobe doctor --json | jq -r '.results[] | select(.severity == "error") | .summary'
    """
    from probes.commands.doctor import doctor as command

    sys.exit(command(online=online, as_json=as_json))


@main.group(cls=Group)
def clients() -> None:
    """The clients in the cache: list them, install more, remove some.

    \b
    Examples:
      authprobe clients list
      authprobe clients install claude-code@latest "claude-code@each minor"
      authprobe clients prune --to 5G
    """


@clients.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, sizes in bytes.")
def list_(as_json: bool) -> None:
    """Print each client in the cache with its size and when it was last used.

    \b
    Examples:
      authprobe clients list
      authprobe clients list --json | jq .size_bytes
    """
    from probes.commands import clients as commands

    sys.exit(commands.list_clients(as_json=as_json))


@clients.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME[@VERSION|RANGE]...")
def install(names: tuple[str, ...]) -> None:
    """Install clients into the cache, so that a run needs no package registry.

    A range such as ">=2.1.0 <2.2" or 2.1.x means every published version in it, and "each minor"
    the newest of each.

    \b
    Exit code: 0 all are there, 1 some are not, 2 interrupted, 4 a bad name or range.

    \b
    Examples:
      authprobe clients install claude-code agent-sdk-python
      authprobe clients install claude-code@2.1.31
      authprobe clients install "claude-code@>=2.1.30 <2.1.35"
      authprobe clients install "claude-code@each minor >=1.0"
    """
    from probes.commands import clients as commands

    sys.exit(commands.install_clients(names))


@clients.command()
@click.option("--to", "to_bytes", type=Size(), metavar="SIZE", help="Until this much is left: 5G.")
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Those that were not used for so long.",
)
@click.option("--all", "everything", is_flag=True, help="Every client.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
def prune(to_bytes: int | None, older_than: float | None, everything: bool, dry_run: bool) -> None:
    """Remove clients from the cache, least recently used first, and none that a run is using.

    Without an option, until AUTHPROBE_CACHE_LIMIT is kept (20 GB).

    \b
    Exit code: 0 done, 1 something could not be removed, 2 interrupted, 4 a bad option.

    \b
    Examples:
      authprobe clients prune --to 5G
      authprobe clients prune --older-than 30 --dry-run
      authprobe clients prune --all
    """
    from probes.commands import clients as commands

    sys.exit(
        commands.prune_clients(
            to_bytes=to_bytes, older_than=older_than, everything=everything, dry_run=dry_run
        )
    )


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each place.")
def scan(files: tuple[Path, ...], as_json: bool) -> None:
    """Look through FILES for credentials, in whatever way they are written.

    Folders are looked through with all that is below them, and - is the standard input. Escapes,
    base64, hex, UTF-16, wrapped lines, gzip and zip are undone. Prints the places, never a value.

    \b
    Exit code: 0 nothing found, 10 something found or too large or damaged to be looked through,
    4 a file that cannot be read.

    \b
    Examples:
      authprobe scan reports/
      authprobe scan debug.log ~/Downloads/report.html.gz
      claude --debug -p hi 2>&1 | authprobe scan -
    """
    from probes.commands.scan import scan as command

    sys.exit(command(files, as_json=as_json))


@main.command()
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
    from probes.commands.accept import accept as command

    sys.exit(command(names, **options))  # type: ignore[arg-type]


@main.command()
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
    from probes.commands.share import share as command

    sys.exit(command(names, results=results, out=out))


@main.command()
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
    from probes.commands.history import history as command

    sys.exit(command(case, place=place, as_json=as_json))


@main.command()
@click.argument("case", required=False)
@click.option("--good", metavar="VERSION", help="A version in which all is well.")
@click.option("--bad", metavar="VERSION", help="A version in which it is not.")
@click.option("--find-fix", is_flag=True, help="The bad version is the older one: find the fix.")
@click.option(
    "--when",
    metavar="FIELD",
    help="Good is what has the same FIELD as --good: betas, exit_code, exchange.host, message, ...",
)
@click.option(
    "--scenarios",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Files or folders with the case.  [default: the bundled ones]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Where the log is: bisect.jsonl.",
)
@click.option(
    "--log", "from_log", is_flag=True, help="Probe nothing: answer by the log, or show it."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown for an issue.")
def bisect(case: str | None, **options: object) -> None:
    """Find the version in which CASE breaks, among all that are published.

    CASE is the id of a case; the version in it is left aside. Both bounds are probed first. A
    version that cannot be tested, hangs or crashes is stepped around, and is never blamed.

    \b
    Exit code: 0 answered, 1 not decided or not monotonic, 2 interrupted, 4 a bad case or option,
    10 the answer held a token and was not printed.

    \b
    Examples:
      authprobe bisect cli-login/claude-code@latest/default/expired --good 2.1.31 --bad 2.1.330
      authprobe bisect CASE --good 2.1.330 --bad 2.1.31 --find-fix
      authprobe bisect CASE --good 1.0.30 --bad 2.1.330 --when betas --markdown
      authprobe bisect --log
    """
    from probes.commands.bisect import bisect as command

    sys.exit(command(case, **options))  # type: ignore[arg-type]


@main.command()
@click.option("--results", is_flag=True, help="Of results.json.")
def schema(results: bool) -> None:
    """Print the JSON Schema of a scenario file, or of results.json.

    \b
    Examples:
      authprobe schema > scenario.schema.json
      authprobe schema --results > results.schema.json
    """
    if results:
        from probes.run import dump_schema as dump_results_schema

        click.echo(dump_results_schema(), nl=False)
        return
    from probes.scenario.schema import dump_schema

    click.echo(dump_schema(), nl=False)
