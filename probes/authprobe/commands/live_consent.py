"""Consent to ask the real service: the plan is shown, and without a yes nothing is asked."""

import sys
from collections.abc import Sequence

from authprobe.commands.agreement import agrees
from authprobe.commands.printing import print_error
from authprobe.core.process_memory import protect_memory
from authprobe.core.wrapping import terminal_width, wrap_line
from authprobe.errors import SettingsError
from authprobe.live.ci_jobs import check_job
from authprobe.live.guards import check_values
from authprobe.live.laboratory import Consent
from authprobe.live.plan import (
    MAX_LISTED,
    check_cost,
    live_plan,
    missing_secrets,
    plan_lines,
    renewal_lines,
)
from authprobe.live.secrets import read_secrets
from authprobe.plan.case import Case
from authprobe.settings import Settings, environment_variables


def check_before_loading(settings: Settings) -> None:
    """Check what forbids to ask the real service from here at all.

    Raises:
        SettingsError: it must not be asked.
    """
    check_job(environment_variables())
    if settings.break_rules:
        raise SettingsError("--break-rule: the rules of the real service cannot be left out")


def obtain_consent(settings: Settings, cases: Sequence[Case], *, verbose: bool = False) -> Consent:
    """Show the plan and return the user's consent to it, from the option or the terminal.

    A plan that asks nothing needs none. All of its cases are shown if `verbose`.

    Raises:
        SettingsError: there is no consent, or a guard forbids it; nothing is asked then.
    """
    protect_memory()  # before a secret is in this process
    variables = environment_variables()
    secrets = read_secrets(cases, variables)
    check_values(cases, secrets)
    plan = live_plan(cases, secrets)
    renewal = renewal_lines(plan, allow_renewal=settings.allow_renewal)
    limit = len(plan.cases) if verbose else MAX_LISTED
    for line in (
        *plan_lines(plan, limit=limit),
        *renewal,
        *missing_secrets(plan, variables, secrets),
    ):
        print_error(wrap_line(line, terminal_width(sys.stderr)))
    check_cost(plan, settings.max_cost_usd)
    if plan.cases and not settings.is_confirmed:
        _confirm()
    return Consent(plan=plan, secrets=secrets)


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise SettingsError(
            "--target live: there is no terminal to ask for your consent; look at the plan above, "
            "then add --yes; nothing was asked"
        )
    if not agrees("Ask the real service now?"):
        raise SettingsError("--target live: you did not agree; nothing was asked")
