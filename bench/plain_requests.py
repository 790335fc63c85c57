"""The peer of a run of raw HTTP requests: the same number of them by httpx alone, each over a
connection of its own, to uvicorn with a constant answer over TLS. Nothing is judged or kept.

    python bench/plain_requests.py COUNT [SECONDS [THREADS]]

The requests are sent by threads of this process; the server is another one, and waits SECONDS
before each answer.
"""

import argparse
import json
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import trustme

THREADS: Final = 16
"""Requests at once: with more, those that are answered at once need more of the processors."""
BODY: Final = {"model": "bench", "max_tokens": 1, "messages": [{"role": "user", "content": "ping"}]}
SERVER: Final = """
import asyncio, sys, uvicorn

async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(float(sys.argv[2]))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)

Server(
    uvicorn.Config(
        app, port=0, log_config=None, access_log=False, lifespan="off", ssl_certfile=sys.argv[1]
    )
).run()
"""


@contextmanager
def server(authority: trustme.CA, delay: float = 0.0) -> Iterator[int]:
    """Yield the port of a server on loopback, whose certificate is of this authority, and which
    waits for `delay` seconds before each answer.
    """
    with tempfile.TemporaryDirectory(prefix="authprobe-bench-") as folder:
        certificate = Path(folder) / "server.pem"
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
        argv = [sys.executable, "-c", SERVER, str(certificate), str(delay)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
            try:
                yield int(child.stdout.readline() if child.stdout else "")
            finally:
                child.terminate()


def main() -> None:
    """Send the requests, and print the statuses that were received."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("seconds", type=float, nargs="?", default=0.0)
    parser.add_argument("threads", type=int, nargs="?", default=THREADS)
    options = parser.parse_args()
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with server(authority, options.seconds) as port, ThreadPoolExecutor(options.threads) as threads:

        def send(number: int) -> int:
            with httpx.Client(verify=context, trust_env=False) as client:
                headers = {"x-api-key": f"key-{number}"}
                url = f"https://localhost:{port}/v1/messages"
                return client.post(url, json=BODY, headers=headers).status_code

        print(json.dumps(sorted(set(threads.map(send, range(options.count))))))


if __name__ == "__main__":
    main()
