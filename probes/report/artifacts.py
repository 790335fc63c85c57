"""Finished artifacts: looked through for tokens, then put in place under their names."""

from collections.abc import Mapping
from pathlib import Path

from probes.files import write
from probes.redact import find_token


class SecretFoundError(Exception):
    """Artifacts that held what looks like a token and were not written; each with the place."""

    def __init__(self, places: Mapping[str, int]) -> None:
        super().__init__(
            "; ".join(
                f"{name} was not written: it holds what looks like a token, at character {place}"
                for name, place in places.items()
            )
        )


def publish(folder: Path, texts: Mapping[str, str]) -> None:
    """Write these files, each under a temporary name first; none that holds a token.

    Raises:
        SecretFoundError: some were held back; the others are written.
    """
    places = {}
    for name, text in texts.items():
        place = find_token(text)
        if place is None:
            write(folder / name, text)
        else:
            places[name] = place
    if places:
        raise SecretFoundError(places)
