"""Plan of what is asked of the real service, as it is shown before anything is asked."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.core.claude_api import PLATFORM
from authprobe.core.client_kinds import API_SDKS
from authprobe.core.client_variables import CLIENT_VARIABLES, ValueKind
from authprobe.core.version_ranges import INSTALLED
from authprobe.emulator.config import TokenKind
from authprobe.errors import SettingsError
from authprobe.live.guards import HasValues
from authprobe.live.visible import unseen_expectation
from authprobe.plan.case import Case
from authprobe.scenario.live import MAX_REQUESTS, STORED, SUBSCRIPTION_TOKENS, VARIABLE_PREFIX
from authprobe.scenario.live_cases import addresses_asked, hosts_asked
from authprobe.scenario.model import QUESTIONS, Request

MESSAGE_USD: Final = 0.001
"""Highest cost of a message of one word and one token of answer. About 20 tokens at 15 USD per
million and one at 75, the highest prices of docs.anthropic.com/en/docs/about-claude/pricing, are
0.0004 USD."""
CLAUDE_USD: Final = 0.02
"""Highest cost of the same question by `claude` with an API key: versions without the options that
keep it small send 48 kB, about 12,000 tokens, to Haiku at 1 USD per million."""
CLAUDE_OTHER_MODEL_USD: Final = 0.2
"""The same of a model that the scenario names: at 15 USD per million, the highest price."""
CLAUDE_REQUESTS: Final = 2
"""A bearer that is refused with 401 is sent twice by the client."""
SDK_REQUESTS: Final = 2
"""An API SDK is asked for the list of models, and for a message."""
MAX_LISTED: Final = 12
"""Cases that the plan lists."""
_USUAL: Final = {
    TokenKind.API_KEY: "ANTHROPIC_API_KEY",
    TokenKind.SETUP_TOKEN: "CLAUDE_CODE_OAUTH_TOKEN",
    TokenKind.GATEWAY_KEY: "ANTHROPIC_AUTH_TOKEN",
}
"""Variables from which clients read such a token by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCase:
    """A case, and what asking it takes at most."""

    case: Case
    hosts: tuple[str, ...]
    requests: int
    usd: float = 0.0
    uses_plan: bool = False
    """True: it takes a little of the subscription instead of money."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The hosts with their ports, for the user."""
        return addresses_asked(self.case.client, self.case.endpoint, self.case.environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlan:
    """Questions to the real service in one run."""

    cases: tuple[PlannedCase, ...]
    unseen: tuple[Case, ...] = ()
    """Cases that are not asked, as live nobody could see what they expect."""
    without_secret: tuple[Case, ...] = ()
    """Cases that are not asked, as a variable has no value."""

    @property
    def requests(self) -> int:
        """Most requests."""
        return sum(each.requests for each in self.cases)

    @property
    def usd(self) -> float:
        """Highest cost, in US dollars."""
        return round(sum(each.usd for each in self.cases), 6)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts that are asked, in the order of the cases."""
        return tuple(dict.fromkeys(host for each in self.cases for host in each.hosts))


def live_plan(cases: Iterable[Case], secrets: HasValues | None = None) -> LivePlan:
    """Return what asking the live cases among these takes at most.

    Cases that need a secret that `secrets` lacks are not asked, and take nothing.

    Raises:
        SettingsError: that is more than a scenario or authprobe allows.
    """
    live = [case for case in cases if case.live is not None]
    visible = [case for case in live if unseen_expectation(case) is None]
    without_secret = [case for case in visible if secrets and any(missing_variables(case, secrets))]
    plan = LivePlan(
        cases=tuple(_planned(case) for case in visible if case not in without_secret),
        unseen=tuple(case for case in live if case not in visible),
        without_secret=tuple(without_secret),
    )
    _check_requests(plan)
    return plan


def _check_requests(plan: LivePlan) -> None:
    numbers: Counter[str] = Counter()
    limits: dict[str, int] = {}
    for each in plan.cases:
        numbers[each.case.scenario] += each.requests
        limits[each.case.scenario] = each.case.live.max_requests if each.case.live else 0
    for scenario, number in numbers.items():
        if number > limits[scenario]:
            raise SettingsError(
                f"--target live: '{scenario}' takes {_requests_words(number)}, more than its "
                f"'max_requests' of {limits[scenario]}; select fewer cases, such as with -k, or "
                "raise it"
            )
    if plan.requests > MAX_REQUESTS:
        raise SettingsError(
            f"--target live: {plan.requests} requests are more than {MAX_REQUESTS}, the most in "
            "one run; select fewer cases, such as with -k"
        )


def check_cost(plan: LivePlan, max_usd: float) -> None:
    """Check that a plan costs no more than the user wants to spend.

    Raises:
        SettingsError: it could cost more.
    """
    if plan.usd > max_usd:
        raise SettingsError(
            f"--target live: this could cost {plan.usd:g} USD, more than --max-cost {max_usd:g}; "
            "nothing was asked"
        )


def _planned(case: Case) -> PlannedCase:
    hosts = hosts_asked(case.client, case.endpoint, case.environment)
    endpoint = case.endpoint
    is_own = any(each.source for each in case.credentials)
    if case.client.kind in API_SDKS:
        usd = MESSAGE_USD if is_own else 0.0
        return PlannedCase(case=case, hosts=hosts, requests=SDK_REQUESTS, usd=usd)
    if endpoint is None:
        uses_plan = any(x.source and x.token in SUBSCRIPTION_TOKENS for x in case.credentials)
        highest = CLAUDE_OTHER_MODEL_USD if _names_model(case) else CLAUDE_USD
        usd = highest if is_own and not uses_plan else 0.0
        return PlannedCase(
            case=case,
            hosts=hosts,
            requests=CLAUDE_REQUESTS,
            usd=usd,
            uses_plan=uses_plan,
        )
    needs_model = endpoint.request in QUESTIONS and endpoint.model is None
    is_message = endpoint.request is Request.MESSAGES
    return PlannedCase(
        case=case,
        hosts=hosts,
        requests=2 if needs_model else 1,
        usd=MESSAGE_USD if is_message and is_own else 0.0,
    )


def _names_model(case: Case) -> bool:
    """Return True if a variable of the scenario replaces the model of the question."""
    known = (CLIENT_VARIABLES.get(name) for name in case.environment)
    return any(each is not None and each.value is ValueKind.MODEL for each in known)


def plan_lines(plan: LivePlan, *, limit: int = MAX_LISTED) -> Iterator[str]:
    """Yield the plan for the terminal: hosts, requests, secrets by name, cases, and the cost."""
    for case in plan.unseen:
        yield f"Not asked: {case.id}: {unseen_expectation(case)}"
    if not plan.cases:
        yield "Nothing can be asked of the real service."
        return
    yield "This asks the real service:"
    rows = [
        (
            address,
            _requests_words(sum(x.requests for x in plan.cases if address in x.addresses)),
            _secret_words([x.case for x in plan.cases if address in x.addresses]),
        )
        for address in dict.fromkeys(address for each in plan.cases for address in each.addresses)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:2]
    for address, requests, secrets in rows:
        yield f"  {address:<{widths[0]}}  at most {requests:<{widths[1]}}  {secrets}"
    yield "Cases:"
    for each in plan.cases[:limit]:
        yield f"  {each.case.id}"
    if (more := len(plan.cases) - limit) > 0:
        yield f"  and {more:,} more, which -v lists"
    yield from _download_words(plan)
    yield _cost_words(plan)


def _download_words(plan: LivePlan) -> Iterator[str]:
    """Yield which clients are installed first; one that the user has installed is used there."""
    clients = (each.case.client for each in plan.cases)
    names = dict.fromkeys(
        str(client) for client in clients if not client.is_authprobe and client.version != INSTALLED
    )
    if names:
        yield (
            f"Downloaded first, unless in the cache: {', '.join(names)} (claude-code takes 400 MB)."
        )


def renewal_lines(plan: LivePlan, *, allow_renewal: bool) -> Iterator[str]:
    """Yield what can happen to the stored login, if a case uses it."""
    sources = {credential.source for each in plan.cases for credential in each.case.credentials}
    if STORED not in sources:
        return
    if allow_renewal:
        yield (
            f"The stored login may be renewed (--allow-renewal): then claude asks {PLATFORM} for "
            "new tokens, and rewrites its file."
        )
    else:
        yield "The stored login is not renewed, and its file is not changed."


def missing_variables(case: Case, secrets: HasValues) -> Iterator[str]:
    """Yield the variables of a case's credentials that have no value."""
    for credential in case.credentials:
        if credential.source not in (None, STORED) and not secrets.value(credential):
            yield credential.source.removeprefix(VARIABLE_PREFIX)


def missing_secrets(
    plan: LivePlan, variables: Mapping[str, str], secrets: HasValues
) -> Iterator[str]:
    """Yield the variables that have no value, with the number of cases that cannot be asked.

    A variable that clients read by themselves, and that is set instead, is named.
    """
    missing = Counter(
        name for case in plan.without_secret for name in set(missing_variables(case, secrets))
    )
    usual = {
        (credential.source or "").removeprefix(VARIABLE_PREFIX): _USUAL.get(credential.token)
        for case in plan.without_secret
        for credential in case.credentials
    }
    for name, number in missing.items():
        cases = "1 case" if number == 1 else f"{number:,} cases"
        yield f"Not set, or empty: {name}; {cases} cannot be asked."
        if (other := usual[name]) and variables.get(other):
            yield (
                f"  {other} is set, and not used on purpose. If you want that, start with "
                f"{name}=${other} before `authprobe`."
            )


def _requests_words(number: int) -> str:
    return "1 request" if number == 1 else f"{number:,} requests"


def _secret_words(cases: Sequence[Case]) -> str:
    """Return the sources of the secrets that a host gets, by name."""
    names: dict[str, None] = {}
    has_none = any(not case.credentials for case in cases)
    for case in cases:
        for each in case.credentials:
            if each.source is None:
                names["a made-up value"] = None
            elif each.source == STORED:
                names["the stored login of your own Claude Code"] = None
            else:
                names[f"{each.source.partition(':')[2]} ({each.token})"] = None
    words = [*names, *(["no credential"] if has_none else [])]
    *first, last = words
    return f"with {', '.join(first)} or {last}" if first else f"with {last}"


def _cost_words(plan: LivePlan) -> str:
    requests = _requests_words(plan.requests)
    costs = [f"{plan.usd:g} USD"] if plan.usd else []
    if any(each.uses_plan for each in plan.cases):
        costs.append("a little of your subscription's usage")
    cost = " and ".join(costs) or "nothing"
    return f"At most {requests}, one at a time, without retry or redirect. Highest cost: {cost}."
