"""Click options that several commands share."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click

from authprobe.cli import completers
from authprobe.cli.completers import FILE, SCENARIO, Completer
from authprobe.cli.values import Number
from authprobe.core.isolation import Isolation
from authprobe.core.targets import CHOICES
from authprobe.options import (
    BREAK_RULES,
    CASES,
    CLIENTS,
    EXECUTOR,
    FAIL_ON,
    HISTORY,
    ISOLATION,
    JOBS,
    RUN_FLAGS,
    RUN_OPTIONS,
    SCENARIOS,
    SUITE,
    TARGET,
    Flag,
    Option,
    OptionTexts,
)

P = ParamSpec("P")
R = TypeVar("R")

_TEXTS: Final = f"{__name__}.texts"
"""Key of the texts in click's `Context.meta`."""

scenario_paths: Final[Completer] = completers.choices("incidents", "clients", paths=SCENARIO)
"""Completer of scenarios: the names of the bundled ones, and paths."""
_suites: Final[Completer] = completers.words("suites")
_COMPLETERS: Final[dict[str, Completer]] = {
    SCENARIOS.name: scenario_paths,
    SUITE.name: _suites,
    CLIENTS.name: completers.clients,
    CASES.name: completers.known_cases,
    HISTORY.name: completers.choices("none", paths=FILE),
    TARGET.name: completers.choices(*CHOICES),
    ISOLATION.name: completers.choices(*Isolation),
    FAIL_ON.name: completers.gates,
    BREAK_RULES.name: completers.words("rules"),
}
"""Completers of the options of a run whose values are no paths of files."""

results_argument: Final = click.argument(
    "results",
    required=False,
    metavar="[RESULTS]",
    type=click.Path(path_type=Path),
    default=Path("reports/results.json"),
)
"""The results file of a finished run."""


class TextsOption(click.Option):
    """An option of a run, whose texts are collected however often it is given."""

    def __init__(self, *args: Any, option: Option[object], **values: Any) -> None:
        super().__init__(*args, **values)
        self.option = option
        """Parses the texts; the last one counts if it is not repeatable."""


def _click_option(
    option: Option[object],
    callback: Callable[[click.Context, click.Parameter, tuple[str, ...]], object],
    *,
    expose_value: bool = True,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a click option that passes its texts, and nothing parsed yet, to `callback`."""
    return click.option(
        option.name,
        cls=TextsOption,
        option=option,
        multiple=True,  # a single-valued option takes the last text, as pytest does
        type=click.Path() if option.parse is Path else click.STRING,
        metavar=option.metavar,
        help=option.help_text,
        hidden=option.hidden,
        callback=callback,
        expose_value=expose_value,
        shell_complete=_COMPLETERS.get(option.name),
    )


def _store(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> None:
    context.meta.setdefault(_TEXTS, {})[parameter.opts[0]] = texts


def _store_flag(context: click.Context, parameter: click.Parameter, given: bool) -> None:
    _store(context, parameter, ("given",) if given else ())


def options_of(
    *options: Option[object], flags: Sequence[Flag] = ()
) -> Callable[[Callable[Concatenate[OptionTexts, P], R]], Callable[P, R]]:
    """Return a decorator that adds these options to a click command.

    The command gets their texts as first argument, and nothing parsed yet.
    """

    def decorate(command: Callable[Concatenate[OptionTexts, P], R]) -> Callable[P, R]:
        @click.pass_context
        @functools.wraps(command)
        def with_texts(context: click.Context, /, *args: P.args, **values: P.kwargs) -> R:
            return command(context.meta[_TEXTS], *args, **values)

        decorated: Callable[P, R] = with_texts
        for flag in reversed(flags):
            decorated = click.option(
                flag.name,
                is_flag=True,
                help=flag.help_text,
                callback=_store_flag,
                expose_value=False,
            )(decorated)
        for option in reversed(options):  # click lists the decorator nearest to the function last
            decorated = _click_option(option, _store, expose_value=False)(decorated)
        return decorated

    return decorate


def run_options(command: Callable[Concatenate[OptionTexts, P], R]) -> Callable[P, R]:
    """Add the options of a run to a click command, which gets their texts as first argument.

    SCENARIOS is left to the command, where it is an argument.
    """
    options = (option for option in RUN_OPTIONS if option is not SCENARIOS)
    return options_of(*options, flags=RUN_FLAGS)(command)


scenarios = _click_option(
    SCENARIOS, lambda context, parameter, texts: SCENARIOS.values({SCENARIOS.name: texts})
)
"""`scenarios: tuple[Path, ...]`."""

jobs = _click_option(
    JOBS, lambda context, parameter, texts: next(iter(JOBS.values({JOBS.name: texts})[-1:]), None)
)
"""`jobs: int | None`; None if it was not given."""

executor = _click_option(
    EXECUTOR, lambda context, parameter, texts: EXECUTOR.value({EXECUTOR.name: texts})
)
"""`executor: ExecutorAddress | None`; None: this machine probes."""

log_directory = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    metavar="DIRECTORY",
    help="Directory of the probe log, trials.jsonl.",
)
"""`out: Path`."""

from_log = click.option(
    "--log",
    "from_log",
    is_flag=True,
    help="Probe nothing; answer from the probe log.",
)
"""`from_log: bool`."""

suite = click.option(
    "--suite",
    metavar="NAME",
    shell_complete=_suites,
    help="Only the bundled cases of this suite, as in `authprobe run`.",
)
"""`suite: str | None`."""

expression = click.option(
    "-k",
    "expression",
    metavar="EXPRESSION",
    help="Only the cases whose id or tags match, such as 'login and not slow'.",
)
"""`expression: str | None`."""

looks = click.option(
    "--looks",
    type=Number(1, 10),
    metavar="N",
    default=2,
    show_default=True,
    help="Probes per version for a differing case; only stable differences are reported.",
)
"""`looks: int`."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""`as_json: bool`."""

as_markdown = click.option(
    "--markdown", "as_markdown", is_flag=True, help="Print Markdown for an issue."
)
"""`as_markdown: bool`."""
