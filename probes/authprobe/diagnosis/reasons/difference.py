"""Sentences about what a client did, and what it should have done or did before."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.core.client_kinds import ClientKind
from authprobe.core.escaping import one_line
from authprobe.diagnosis.reasons.kinds import Draft
from authprobe.observation.findings import PROCESS_EXIT_MESSAGE
from authprobe.observation.fingerprint import NONE
from authprobe.observation.model import LoginState, Outcome
from authprobe.service.answer import REMEDIES, NotAsked

ENDING: Final = "outcome"
"""Subject of the reasons for another outcome, status or error type."""
MAX_VALUE_LENGTH: Final = 160
"""Characters of one value in a sentence."""


def short(value: str) -> str:
    """Return a value as a part of a sentence."""
    return one_line(value, MAX_VALUE_LENGTH)


def quoted(text: str) -> str:
    """Return the text of a message in quotation marks, or its beginning."""
    line, limit = one_line(text), MAX_VALUE_LENGTH - 2
    return f"“{line}”" if len(line) <= limit else f"“{line[: limit - 1].rstrip()}…”"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Words for what the client is compared with, after what it did."""

    same: str
    """After `not X`."""
    did: str
    """After something that the client did not do."""
    did_not: str
    """After something that only the client did."""


SCENARIO: Final = Reference(
    same="as the scenario expects",
    did="which the scenario expects",
    did_not="which the scenario does not expect",
)
COMMAND: Final = Reference(
    same="as --expect says", did="which --expect says", did_not="which --expect does not say"
)
"""Reference of a command that was run beside the emulator."""
BASELINE: Final = Reference(
    same="as in the baseline", did="unlike in the baseline", did_not="unlike in the baseline"
)


def earlier_version(version: str) -> Reference:
    """Return the words for another version of the client."""
    unlike = f"unlike {version}"
    return Reference(same=f"as with {version}", did=unlike, did_not=unlike)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Outcome of a case with the status and the type of its error."""

    outcome: str
    status: str = NONE
    error_type: str = NONE

    @property
    def words(self) -> str:
        """Outcome, status and error type, as far as they are known."""
        return " ".join(
            part for part in (self.outcome, self.status, self.error_type) if part != NONE
        )


_ENDING_KINDS: Final = {
    Outcome.CRASHED: "crash",
    Outcome.TIMED_OUT: "goes-on",
    Outcome.ACCEPTED: "accepted",
    Outcome.UNREACHABLE: "unreachable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """Reasons about one client that is compared with one reference."""

    client: str
    """Client and version, such as `claude-code 2.1.332`."""
    reference: Reference
    silent_gateway: str | None = None
    """The user's gateway if it passed no request on; None: there is none, or it did."""

    def differs(self, id: str, did: str, now: str, then: str, *, subject: str = "") -> Draft:
        """Return `<client> <did> <now>, not <then> as <reference> did`."""
        summary = f"{self.client} {did} {short(now)}".rstrip()
        summary += f", not {short(then)} {self.reference.same}."
        return Draft(id=id, subject=subject, summary=summary)

    def only_then(self, id: str, did_not: str, *, subject: str = "") -> Draft:
        """Return a reason about something that the client does not do."""
        summary = f"{self.client} {did_not}, {self.reference.did}."
        return Draft(id=id, subject=subject, summary=summary)

    def only_now(self, id: str, did: str, *, subject: str = "") -> Draft:
        """Return a reason about something that only this client does."""
        summary = f"{self.client} {did}, {self.reference.did_not}."
        return Draft(id=id, subject=subject, summary=summary)

    def ending(self, now: Ending, then: Ending, detail: str | None, *, is_told: bool) -> Draft:
        """Return the reason for another outcome; `is_told` if there was an error message."""
        if now.outcome == Outcome.UNAVAILABLE:
            return untestable(detail)
        because = f" ({short(detail)})" if detail else ""
        crashed = "crashed" if is_told else "ended without an answer or an error message"
        did = {
            Outcome.CRASHED: f"{crashed}{because}",
            Outcome.TIMED_OUT: f"was still running at its time limit{because}",
            Outcome.ACCEPTED: f"was {now.words}",
            Outcome.UNREACHABLE: f"could not reach the backend{because}",
        }.get(Outcome(now.outcome), f"ended as {now.words}{because}")
        summary = f"{self.client} {did}, not {then.words} {self.reference.same}."
        return Draft(id=_ending_kind(now, then), subject=ENDING, summary=summary)

    def no_request(self) -> Draft:
        """Return the reason that no request reached the backend."""
        summary = f"{self.client} sent no request to the backend."
        if self.silent_gateway:
            summary = (
                f"The gateway {self.silent_gateway} passed no request on to the backend: what is "
                "told comes from the gateway, or from the client in front of it. Requests to a "
                "gateway are not recorded."
            )
        return Draft(id="no-request", summary=summary)

    def other_refusal(self, changes: Mapping[str, tuple[str, str]]) -> Iterator[Draft]:
        """Yield the reason for another status or error type of the same outcome.

        `changes` has the present and the other value of each that differs.
        """
        noun = {"status": "status ", "error_type": "the error type "}
        words = "ended with " + (noun[next(iter(changes))] if len(changes) == 1 else "")
        if changes:
            now, then = (" ".join(values) for values in zip(*changes.values(), strict=True))
            yield self.differs("other-refusal", words.rstrip(), now, then, subject=ENDING)

    def message(self, now: str | None, then: str, *, is_hidden: bool) -> Draft:
        """Return the reason for another message; `is_hidden` if there was a refusal to tell."""
        verb = "had the message" if self.client == ClientKind.RAW_HTTP else "told its user"
        if now and not PROCESS_EXIT_MESSAGE.fullmatch(now.strip()):
            return self.differs("message", verb, quoted(now), then, subject="message")
        told = f"only {quoted(now)}" if now else "nothing"
        id = "message-hidden" if is_hidden else "message"
        if not now and verb.startswith("had"):
            verb, told = "had no message", ""
        return self.differs(id, verb, told, then, subject="message")

    def exit_code(self, now: str, then: str) -> Draft:
        """Return the reason for another exit code."""
        did = ("has no exit code", "") if now == NONE else ("exited with code", now)
        return self.differs("exit-code", *did, then, subject="exit_code")

    def sessions(self, now: str, then: str) -> Draft:
        """Return the reason for other outcomes of sessions at once."""
        return self.differs("sessions", "ended its sessions as", now, then, subject="sessions")

    def login_state(self, now: str, then: str) -> Draft:
        """Return the reason for another state of the stored login."""
        is_lost = then == LoginState.USABLE
        left = f"left its stored login {now}{_LOGIN_WORDS.get(now, '')}, not {then}"
        if now == NONE:
            left = f"left no stored login, not a {then} one"
        elif then == NONE:
            left = f"left a {now} stored login, not none"
        summary = f"{self.client} {left} {self.reference.same}."
        return Draft(
            id="login-lost" if is_lost else "login-state", subject="stored_login", summary=summary
        )

    def login_field(self, field: str, now: str, then: str) -> Draft:
        """Return the reason for another value in the stored login."""
        return self.differs(
            "login-field", f"left the {field} of its stored login as", now, then, subject=field
        )

    def finding(self, name: str, text: str) -> Draft:
        """Return the reason for misbehaviour that is new or not expected."""
        id = "leak" if name == "leaks-token" else "finding"
        return self.only_now(id, f"misbehaves ({name}: {text})", subject=name)

    def finding_gone(self, name: str) -> Draft:
        """Return the reason for misbehaviour that is no longer seen."""
        return self.only_then("finding-gone", f"does not misbehave ({name})", subject=name)


def untestable(detail: str | None) -> Draft:
    """Return the reason for a case that could not be tested."""
    because = f": {short(detail)}" if detail else ""
    return Draft(
        id="untestable",
        subject=ENDING,
        summary=f"The case could not be tested{because}.",
        remedy=_untestable_remedy(detail or ""),
    )


def _untestable_remedy(detail: str) -> str | None:
    """Return what to do about a case that could not be tested; None: the detail says all."""
    if match := _NOT_ASKED.match(detail):
        return REMEDIES.get(NotAsked(match[1]))
    if match := _NOT_SET.search(detail):
        return f"Export {match[1]}; sudo, make and CI steps pass on only what you name."
    if _NO_REGISTRY in detail:
        return (
            "Go online once, and install the client with `authprobe clients install`; then name "
            "its version with --client."
        )
    return None


_NOT_ASKED: Final = re.compile(f"could not be asked: ({'|'.join(map(re.escape, NotAsked))})")
"""Beginning of the detail of a live case that was not answered."""
_NOT_SET: Final = re.compile(r"the variable (\w+) is not set")
_NO_REGISTRY: Final = "the package registry cannot be reached"


_LOGIN_WORDS: Final[dict[str, str]] = {
    LoginState.STALE: " (neither of its tokens is valid)",
    LoginState.BLANKED: " (its tokens are empty)",
    LoginState.DAMAGED: " (its file cannot be parsed)",
    LoginState.REMOVED: " (its file, or the login in it, is deleted)",
}


def _ending_kind(now: Ending, then: Ending) -> str:
    if now.outcome in _ENDING_KINDS:
        return _ENDING_KINDS[Outcome(now.outcome)]
    if then.outcome == Outcome.ACCEPTED:
        return "refused"
    return "gave-up" if then.outcome == Outcome.TIMED_OUT else "other-refusal"
