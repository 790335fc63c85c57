"""The way in which a client gets a credential for which the scenario names none."""

import dataclasses
from typing import Final

from authprobe.core.client_kinds import ClientKind, Via
from authprobe.emulator.config import TokenKind
from authprobe.scenario.clients import Client
from authprobe.scenario.model import Credential

_REQUEST_VIAS: Final = {
    TokenKind.API_KEY: Via.X_API_KEY,
    TokenKind.REFRESH_TOKEN: Via.BODY,
    TokenKind.IDENTITY_TOKEN: Via.BODY,
}
"""Places in authprobe's own request; `bearer` for other tokens."""
_VIAS: Final = {
    TokenKind.API_KEY: (Via.API_KEY_VARIABLE,),
    TokenKind.ACCESS_TOKEN: (Via.OAUTH_TOKEN_VARIABLE,),
    TokenKind.SETUP_TOKEN: (Via.OAUTH_TOKEN_VARIABLE,),
    TokenKind.REFRESH_TOKEN: (Via.REFRESH_TOKEN_VARIABLE,),
    TokenKind.LOGIN: (Via.CREDENTIALS_FILE,),
    TokenKind.IDENTITY_TOKEN: (Via.IDENTITY_TOKEN_VARIABLE,),
}
"""Places where Claude Code looks (code.claude.com/docs/en/authentication); else a Bearer token."""


def with_via(credential: Credential, client: Client) -> Credential:
    """Return the credential with the way in which this client gets it.

    Without one in the scenario, it stands where the definition of the client has `{key}`, or else
    where the documentation of Claude Code and of the SDKs tells users to put it.
    """
    return (
        credential
        if credential.via
        else dataclasses.replace(credential, via=_usual_via(credential.token, client))
    )


def _usual_via(token: TokenKind, client: Client) -> Via:
    if Via.KEY_PLACEHOLDER in client.vias:
        return Via.KEY_PLACEHOLDER
    if client.kind == ClientKind.RAW_HTTP:
        return _REQUEST_VIAS.get(token, Via.BEARER)
    usual = _VIAS.get(token, ())
    return next((via for via in usual if via in client.vias), Via.AUTH_TOKEN_VARIABLE)
