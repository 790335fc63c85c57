"""Program that stands in for `claude`: the file `does`, first on its PATH, lists its behaviours."""

import base64
import hashlib
import json
import os
import pathlib
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HOST = "https://platform.claude.com"
REDIRECT = f"{HOST}/oauth/code/callback"


def exchange(code: str, state: str, verifier: str) -> dict[str, object]:
    """Exchange the code; return the response of the token endpoint."""
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "state": state,
        "client_id": "it",
        "redirect_uri": REDIRECT,
        "code_verifier": verifier,
    }
    request = urllib.request.Request(
        f"{HOST}/v1/oauth/token", json.dumps(fields).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        return dict(json.load(response))


def sign_in(does: list[str]) -> None:
    """Print an address, read a code, print the token."""
    if "hangs" in does:
        print("Error: it hangs", flush=True)
        time.sleep(300)
    if "breaks" in does:
        print("Unable to connect")
        sys.exit(1)
    verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    query = urllib.parse.urlencode(
        {
            "response_type": "code",
            "client_id": "it",
            "redirect_uri": REDIRECT,
            "scope": "user:inference",
            "code_challenge": digest.decode().rstrip("="),
            "code_challenge_method": "S256",
            "state": state,
        }
    )
    print(f"╭───╮\nVisit https://claude.ai/oauth/authorize?{query}", flush=True)
    if "ignores" in does:
        time.sleep(300)
    code, _, code_state = input("Paste code here > ").partition("#")
    try:
        answer = exchange(code, code_state, "wrong" if "errs" in does else verifier)
    except urllib.error.HTTPError as error:
        print(f"OAuth error: {error.code}\nPress Enter to retry.", flush=True)
        input()
        sys.exit(1)
    print("─────\nYour token:")
    token = str(answer["access_token"])
    if "wraps" in does:
        token = f"{token[:40]}\n{token[40:]}"
    print("nothing" if "hides" in does else token)


def begin(does: list[str], question: str) -> None:
    """Print two screens that wait for Enter, and then an answer or an address."""
    for screen in ("Choose a style", f"Accessing {pathlib.Path.cwd()}"):
        input(f"{screen}\n")
    if "logs-in" in does:
        print("Visit https://claude.ai/oauth/authorize?code=true", flush=True)
    elif "breaks" in does:
        sys.exit("no terminal")
    elif "hangs" not in does:
        print(f"{question}: pong", flush=True)
    time.sleep(300)


def converse(does: list[str]) -> None:
    """Answer each message on stdin."""
    for line in sys.stdin:
        question = json.loads(line)["message"]["content"][0]["text"]
        print(json.dumps({"type": "system"}), flush=True)
        if "silent" not in does:
            print(json.dumps({"type": "result", "is_error": False, "result": question}), flush=True)
    if "stays" in does or "silent" in does:
        time.sleep(300)


def answer(does: list[str]) -> None:
    """Answer the question in the arguments, as one of several parallel sessions."""
    try:
        (pathlib.Path.home() / "first").mkdir()
        first = True
    except FileExistsError:
        first = False
    if "one-hangs" in does and first:
        time.sleep(300)
    if "garbage" in does:
        sys.exit("Error: no JSON today")
    is_loser = "one-wins" in does and not first
    status = 401 if "refused" in does and is_loser else None
    result = "Login expired" if is_loser else "pong"
    print(json.dumps({"is_error": is_loser, "result": result, "api_error_status": status}))
    sys.exit(is_loser)


def print_tokens(does: list[str]) -> None:
    """Leak the tokens of the environment."""
    for name in ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"):
        token = os.environ.get(name, "none")
        if "prints-tokens" in does:
            print(f"using {token}")
        if "prints-wrapped-tokens" in does:
            print(f"{token[:40]}\x1b[1C\x1b[0m\n  {token[40:]}")
        if "logs-tokens" in does:
            print(f"DEBUG: {token}", file=sys.stderr)


def main() -> None:
    """Run the command in the arguments, with the behaviours in the file `does`."""
    does = (pathlib.Path(os.environ["PATH"].split(":")[0]) / "does").read_text().split()
    arguments = sys.argv[1:]
    if "--help" not in arguments:
        print_tokens(does)
    if "--input-format" in arguments and "old" in does:
        sys.exit("error: unknown option '--input-format'")
    elif "--help" in arguments:
        usage = "[options] [prompt]" if "old" in does else " ".join(arguments[:-1])
        print(f"Usage: claude {usage}")
    elif arguments[0] == "-p" and "--input-format" not in arguments:
        answer(does)
    elif arguments[0] == "-p":
        converse(does)
    elif arguments == ["auth", "status"]:
        print(json.dumps({"loggedIn": "in" in does, "authMethod": "none", "email": "a@b.c"}))
        sys.exit("in" not in does)
    elif arguments == ["ping"]:
        begin(does, *arguments)
    elif arguments == ["doctor"]:
        print("\n Claude Code doctor\n   running from /home/of/somebody")
        sys.exit(1 if "fails" in does else 0)
    elif arguments == ["auth", "logout"]:
        print("Logged out.")
    else:
        sign_in(does)


main()
