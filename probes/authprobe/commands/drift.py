"""`authprobe drift`: ask the service and the emulator the same, and compare their answers."""

import dataclasses
import datetime
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text

from authprobe import settings
from authprobe.commands.agreement import agrees
from authprobe.commands.console import OutputConsole
from authprobe.commands.output import check_writable, publish
from authprobe.commands.printing import print_error, print_json, print_text
from authprobe.core.claude_api import HOSTS
from authprobe.core.directions import DIRECT, Directions
from authprobe.core.escaping import for_log
from authprobe.core.process_memory import protect_memory
from authprobe.core.secret_values import secret_value_problem
from authprobe.core.shown_paths import display_path
from authprobe.core.signals import interruptible
from authprobe.core.standard_streams import discard_output
from authprobe.core.wrapping import terminal_width, wrap_line
from authprobe.drift.emulated import emulated_service
from authprobe.drift.made_up import made_up_values
from authprobe.drift.model import Drift, DriftRow, Kind, RowResult, Values
from authprobe.drift.observation_file import (
    OBSERVATION_FILE,
    Region,
    dump_observation,
    shared_observation,
)
from authprobe.drift.observation_index import read_index
from authprobe.drift.plan import Plan, make_plan
from authprobe.drift.record import FILE_NAME, as_json, confirm, read_earlier
from authprobe.drift.rows import MODEL_ROW, ROWS
from authprobe.drift.rule_ages import older_rows
from authprobe.drift.runner import compare_rows
from authprobe.errors import ExitCode, SettingsError
from authprobe.live.ci_jobs import check_job
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text
from authprobe.report import drift as words
from authprobe.service.asker import PAUSE, Asker
from authprobe.service.budget import Budget
from authprobe.service.outbound import Proxies, read_authorities

FILES: Final = ("drift.html", "drift.md", FILE_NAME, OBSERVATION_FILE)
API_KEY: Final = re.compile(r"sk-ant-api[0-9]{2}-[A-Za-z0-9_-]{20,400}")
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")
STYLES: Final = {
    Kind.CHANGED: "bold red",
    Kind.NOT_ASKED: "yellow",
    Kind.REWORDED: "yellow",
    Kind.NOTICED: "cyan",
    Kind.SAME: "green",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftOptions:
    """Options of `authprobe drift`."""

    rows: tuple[str, ...] = ()
    key_variable: str | None = None
    out: Path = Path("reports")
    as_json: bool = False
    list_only: bool = False
    undocumented: bool = False
    confirm: Path | None = None
    is_agreed: bool = False
    """True: an API key is sent without a question."""
    older_than: int | None = None
    """Days; rows whose rule was seen since then are left out."""
    asked_from: Region | None = None
    """Place that the user wants in the observation."""


class KeyMissingError(Exception):
    """A variable without a key: nothing can be asked."""


def drift(options: DriftOptions, directions: Directions = DIRECT, pause: float = PAUSE) -> int:
    """Compare the service with the emulator, and return the exit code.

    `directions` and `pause` are for tests alone.

    Raises:
        SettingsError, RecordError: an option, a variable or a file is invalid.
    """
    has_key = options.key_variable is not None
    if options.list_only:
        return _list(options)
    plan = make_plan(options.rows, with_key=has_key, undocumented=options.undocumented)
    if options.older_than is not None:
        plan = Plan(rows=_older(plan.rows, options.older_than))
    if not plan.rows:
        print_error(f"no rule is older than {options.older_than} days; nothing was asked")
        return ExitCode.NOTHING_SELECTED
    if has_key:
        check_job(settings.environment_variables(), "--key-env")
    now = datetime.datetime.now(datetime.UTC)
    earlier = read_earlier(options.confirm, now) if options.confirm else None
    check_writable(options.out, FILES)
    try:
        values = dataclasses.replace(made_up_values(), own_key=_own_key(options.key_variable))
    except KeyMissingError as error:
        print_error(str(error))
        return ExitCode.NOT_ASKED
    for line in words.plan_lines(plan, options.key_variable):
        print_error(line)
    if has_key and not options.is_agreed:
        _ask_user()
    redactor = _redactor(values)
    with interruptible():
        result = _compare(plan, values, redactor, directions, pause)
        if earlier is not None:
            result = confirm(result, earlier)
        return _publish(result, options, redactor)


def _older(rows: Iterable[DriftRow], days: int) -> tuple[DriftRow, ...]:
    """Return the rows whose rule is older, and what they need to be asked."""
    today = datetime.datetime.now(datetime.UTC).date()
    rows = tuple(rows)
    older = older_rows(rows, days, today, read_index(settings.bundled_observations()))
    needs_model = any(row.needs_model for row in older)
    return tuple(row for row in rows if row in older or (needs_model and row == MODEL_ROW))


def _list(options: DriftOptions) -> int:
    """Print the rows, and ask nothing."""
    listed = tuple(ROWS.values())
    if options.older_than is not None:
        listed = _older(listed, options.older_than)
    if options.as_json:
        rows = [
            {
                "row": row.id,
                "title": row.title,
                "host": row.host,
                "sends": row.sends,
                "rules": list(row.rules),
                "documented": row.is_documented,
                "needs_key": row.needs_key,
            }
            for row in listed
        ]
        print_json(json.dumps(rows, indent=1))
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for head in ("Row", "Host", "Asks", "Rules"):
        table.add_column(head, no_wrap=head in ("Row", "Host"))
    for row in listed:
        need = "--key-env NAME" if row.needs_key else "" if row.is_documented else "--undocumented"
        title = f"{row.title}; needs {need}" if need else row.title
        table.add_row(row.id, row.host, title, ", ".join(row.rules))
    OutputConsole(highlight=False).print(table)
    return ExitCode.OK


def _own_key(name: str | None) -> str:
    """Return the user's API key, or nothing if no variable is given.

    Raises:
        SettingsError: the name is none, or the value is no API key; neither is quoted.
        KeyMissingError: the variable is not set or empty.
    """
    if name is None:
        return ""
    if not VARIABLE.fullmatch(name):
        raise SettingsError("--key-env: needs the name of a variable, such as MY_API_KEY")
    protect_memory()  # before the key is a value of this process
    value = settings.environment_variables().get(name, "")
    if not value.strip():
        raise KeyMissingError(f"{name}: is not set or empty, so nothing was asked; put a key in it")
    if (problem := secret_value_problem(value)) is not None:
        raise SettingsError(f"{name}: the value of this variable {problem}; nothing was asked")
    if not API_KEY.fullmatch(value):
        raise SettingsError(
            f"{name}: has no API key of the Claude API (sk-ant-api…); tokens of a login are sent "
            "by Claude Code alone, and keys of other services by nobody"
        )
    return value


def _ask_user() -> None:
    """Ask at the terminal whether the key may be sent.

    Raises:
        SettingsError: there is no terminal, or the answer is not yes.
    """
    if not sys.stdin.isatty():
        raise SettingsError("--key-env: sends your key; add --yes to agree without a terminal")
    if not agrees("Send it?"):
        raise SettingsError("nothing was sent")


def _redactor(values: Values) -> Redactor:
    """Return a redactor that knows every value that is sent."""
    redactor = Redactor()
    redactor.learn("own-key", values.own_key)
    redactor.learn("made-up-key", values.api_key)
    redactor.learn("made-up-token", values.access_token)
    redactor.learn("made-up-refresh-token", values.refresh_token)
    for part in (values.assertion, *values.assertion.split("."), *values.federation_ids.values()):
        redactor.learn("made-up-identity", part)
    return redactor


def _compare(
    plan: Plan, values: Values, redactor: Redactor, directions: Directions, pause: float
) -> Drift:
    """Ask every row; the progress is on stderr."""
    environment = settings.environment_variables()
    budget = Budget(plan.requests)
    asker = Asker(
        hosts=HOSTS,
        budget=budget,
        directions=directions,
        proxies=Proxies(variables=environment),
        authorities=read_authorities(environment, settings.current_folder()),
        pause=pause,
        redactor=redactor,
    )
    with emulated_service() as emulator:
        result = compare_rows(plan.rows, asker, emulator, values, _progress(len(plan.rows)))
    return dataclasses.replace(result, requests=budget.used)


def _progress(total: int) -> Callable[[RowResult], None]:
    """Return a function that prints each result as it arrives."""
    done = 0

    def on_result(result: RowResult) -> None:
        nonlocal done
        done += 1
        row = result.row
        state = "not asked" if result.kind is Kind.NOT_ASKED else words.answer_words(result.answer)
        print_error(f"[{done}/{total}] {row.id} {row.title}, {row.host}: {state}", flush=True)

    return on_result


def _publish(result: Drift, options: DriftOptions, redactor: Redactor) -> int:
    """Print the comparison and write its files, unless a credential is in them."""
    path = display_path(options.out / FILE_NAME)
    json_text = json.dumps(as_json(result), indent=1)
    markdown = "\n".join(words.markdown(result, path)) + "\n"
    if scan_text(f"{json_text}\n{markdown}", redactor):
        print_error("output withheld: it contains what looks like a credential")
        return ExitCode.SECRET_FOUND
    try:
        if options.as_json:
            print_json(json_text)
        else:
            _print_rows(result, str(options.out / FILE_NAME))
        sys.stdout.flush()
    except BrokenPipeError:  # `head` has read enough; the files have it all
        discard_output()
    from authprobe.report.html.drift_page import drift_page  # jinja2 takes long

    page = drift_page(result, rerun_command(options), path)
    observation = shared_observation(result, options.asked_from)
    texts = {
        "drift.html": page,
        "drift.md": markdown,
        FILE_NAME: f"{json_text}\n",
        OBSERVATION_FILE: dump_observation(observation),
    }
    if code := publish(options.out, texts, redactor):
        return code
    print_error(f"page: {options.out / 'drift.html'}")
    if observation.rows:
        print_error(f"to give back: authprobe observe {options.out / OBSERVATION_FILE}")
    return result.exit_code


def _print_rows(result: Drift, path: str) -> None:
    """Print a line for each row, the worst first, with its differences below.

    Rows that were not asked for the same reason are one line.
    """
    text = Text()
    for each, *others in words.folded(result):
        style = STYLES[each.kind]
        text.append(f"{words.SYMBOLS[each.kind]} {words.result_words(each):<11}", style)
        if others:
            text.append(f" {words.rows_words((each, *others))}", "bold")
            text.append(f" ({len(others) + 1} rows)\n")
            text.append("".join(f"{'':<14}{for_log(line)}\n" for line in words.details(each)))
            continue
        text.append(f" {each.row.id:<5}", "bold")
        rules = f" [{', '.join(each.row.rules)}]" if each.row.rules else ""
        text.append(f" {words.asked_words(each.row)}{rules}\n")
        text.append("".join(f"{'':<20}{for_log(line)}\n" for line in words.details(each)))
    OutputConsole(highlight=False).print(text, soft_wrap=True)
    for line in (words.headline(result), words.counts(result), words.next_step(result, path)):
        if line:
            print_text(wrap_line(line, terminal_width(sys.stdout)))


def rerun_command(options: DriftOptions) -> str:
    """Return the command that asks the same again; a name of a variable is no secret."""
    arguments: Sequence[str] = (
        *("authprobe", "drift", *options.rows),
        *(("--key-env", options.key_variable) if options.key_variable else ()),
        *(("--undocumented",) if options.undocumented else ()),
        *(("--older-than", f"{options.older_than}d") if options.older_than is not None else ()),
        *(("--asked-from", options.asked_from) if options.asked_from else ()),
        *(("--out", display_path(options.out)) if options.out != Path("reports") else ()),
    )
    return shlex.join(arguments)
