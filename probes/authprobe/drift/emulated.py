"""The emulator's answers to the same questions, from a real emulator on loopback."""

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator

from authprobe.core.claude_api import HOSTS
from authprobe.core.directions import Directions
from authprobe.drift.model import DriftRow, Values
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend, TokenKind
from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.server.network import Network
from authprobe.service.answer import ServiceAnswer
from authprobe.service.asker import Asker
from authprobe.service.budget import MAX_REQUESTS, Budget
from authprobe.service.question import ServiceQuestion


class EmulatedService:
    """An emulator that is asked in the way in which the service is."""

    def __init__(self, backend: CaseBackend, directions: Directions) -> None:
        self._backend = backend
        self._asker = Asker(
            hosts=HOSTS, budget=Budget(MAX_REQUESTS), directions=directions, pause=0
        )
        self._answers: dict[str, ServiceAnswer] = {}

    def answer(self, row: DriftRow, values: Values) -> ServiceAnswer:
        """Return the answer to a row, with a key of the emulator instead of the user's own."""
        if row.id not in self._answers:
            key = self._backend.state.tokens.make(TokenKind.API_KEY).value
            model = self._model(key) if row.needs_model else ""
            own = dataclasses.replace(values, own_key=key, model=model)
            self._answers[row.id] = self._ask(row.question(own))
        return self._answers[row.id]

    def _model(self, key: str) -> str:
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
        return (
            self._ask(ServiceQuestion(host=HOSTS[0], path="/v1/models", headers=headers)).model
            or ""
        )

    def _ask(self, question: ServiceQuestion) -> ServiceAnswer:
        return self._asker.ask(question)


@contextlib.contextmanager
def emulated_service(date: datetime.date | None = None) -> Iterator[EmulatedService]:
    """Run an emulator on loopback, which answers as on this day; None: today."""
    with Network() as network:
        backend = CaseBackend(Backend(date=date))
        listener = network.open(backend, https_port=0)
        addresses = {(host, 443): (LOOPBACK, listener.https_port or 0) for host in HOSTS}
        try:
            yield EmulatedService(backend, Directions(addresses, network.ca_file))
        finally:
            network.close(listener)
