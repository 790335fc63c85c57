"""Traces of a client that was asked live: its files, its output, and the gate's counts.

Free text of the service is redacted, and ids in it, which could say who the user is, are replaced.
"""

import dataclasses
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.clients.home_files import HomeFile, HomeWalk
from authprobe.clients.home_inspection import PARTLY_SEARCHED
from authprobe.clients.observe import MAX_DETAIL_LENGTH, add_remark
from authprobe.clients.process.child import CompletedChild
from authprobe.live.personal import without_ids
from authprobe.observation.model import GateCount, Observation
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_data

LONG_LABEL: Final = re.compile(r"[^.:]{25,}")
"""A part of a host name that may hold more than a name: a client could tell anything by it."""
MASKED: Final = "*"
PIECE: Final = 6
"""Characters of a secret that the name of a host must not hold."""
MAX_LEAKS: Final = 20
OWN_SLOT: Final = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTraces:
    """Traces of one finished run of a client."""

    result: CompletedChild
    home_folder: Path
    gate_counts: tuple[GateCount, ...]
    host: str
    """Host that the credential was sent to, as the gate names it."""
    redactor: Redactor
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def gate(self) -> tuple[GateCount, ...]:
        """Counts of the hosts that the client named, without what it may tell by a name."""
        return tuple(
            GateCount(
                host=self._host_name(each.host),
                connections=each.connections,
                refused=each.refused,
                sent=each.sent,
                received=each.received,
                seconds=each.seconds,
                failure=each.failure,
            )
            for each in self.gate_counts
        )

    def _host_name(self, host: str) -> str:
        """Return the name of a host that the client asked for, without what it may tell by it."""
        values = [value.lower() for value in self.secrets]
        starts = range(max(len(host) - PIECE + 1, 0))
        if any(host[i : i + PIECE] in value for value in values for i in starts):
            return "(holds a part of the secret)"
        return self.redactor(LONG_LABEL.sub(MASKED, host))

    @property
    def asked(self) -> GateCount:
        """Counts of the host that was to be asked."""
        counts = (each for each in self.gate_counts if each.host == self.host)
        return next(counts, GateCount(host=self.host))

    @property
    def unreachable(self) -> str:
        """Return why the host could not be reached, as a phrase."""
        return f"the gate could not reach {self.host}: {self.asked.failure}"

    @property
    def nothing_received(self) -> str:
        """Return what is wrong with an answer if the host sent nothing, as a phrase."""
        return f"it reports an answer, but received nothing from {self.host}"

    def searched(self, observation: Observation) -> Observation:
        """Return the observation with the places where the client left the secret or a piece of it:
        its files and their names, its output.
        """
        own = Redactor()
        for value in self.secrets:
            own.learn(OWN_SLOT, value)
        walk = HomeWalk(self.home_folder)
        files: Iterable[HomeFile] = walk if self.secrets else ()
        places = []
        for file in files:
            name = f"~/{os.fsencode(file.path).decode('utf-8', 'replace')}"
            names = own.slots_in(name) | {match.name for match in scan_data(file.data, own)}
            if OWN_SLOT in names:
                places.append(self.clean(name, MAX_DETAIL_LENGTH) or "~")
        for stream, text in (("stdout", self.result.stdout), ("stderr", self.result.stderr)):
            if OWN_SLOT in own.slots_in(text):
                places.append(f"its output ({stream})")
        observation = dataclasses.replace(observation, leaks=tuple(places[:MAX_LEAKS]))
        return observation if walk.is_complete else add_remark(observation, PARTLY_SEARCHED)

    def clean(self, text: str | None, limit: int) -> str | None:
        """Return a text without secrets, and without what says who the user is."""
        if not text:
            return None
        return self.redactor.cut(without_ids(without_body(self.redactor(text))), limit)


def without_body(text: str) -> str:
    """Return a text with the message of a JSON body in the place of the body, as it also has ids.

    Versions up to 2.1.1xx show the whole body of an error.
    """
    decoder, parts, end = json.JSONDecoder(), [], 0
    while (place := text.find("{", end)) >= 0:
        parts.append(text[end:place])
        try:
            body, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return "".join((*parts, "[body]"))
        error = body.get("error") if isinstance(body, dict) else None
        message = error.get("message") if isinstance(error, dict) else None
        parts.append(message if isinstance(message, str) else "[body]")
    return "".join((*parts, text[end:]))
