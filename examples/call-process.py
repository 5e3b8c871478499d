#!/usr/bin/env python3
"""A call process without the client library: one session for one call.

    python3 examples/call-process.py SOCKET [CALL-ID] [SECONDS]

Needs the package websockets (Debian: python3-websockets). It does by hand what the library does by itself:
it greets, asks for a session, holds it through losses of the connection, and gives it back.
"""

import asyncio
import json
import random
import secrets
import sys

import websockets

# The identity of this process: who comes back with it after a lost connection finds its sessions again.
IDENTITY = {"clientId": "python-example", "clientSecret": secrets.token_urlsafe(24)}


class Sessiond:
    """One connection. Replies come in the order of the requests, so each answers the request before it."""

    def __init__(self, socket):
        self.socket = socket
        self.id = 0

    async def request(self, method, **params):
        self.id += 1
        await self.socket.send(
            json.dumps({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})
        )
        reply = json.loads(await self.socket.recv())
        if "error" in reply:
            raise RuntimeError(f"{reply['error']['data']['code']}: {reply['error']['message']}")
        return reply["result"]


async def connect(path):
    """Connects and greets; comes back with exponential backoff and full jitter, from 50 ms to 5 s."""
    attempt = 0
    while True:
        try:
            socket = await websockets.unix_connect(
                path, uri="ws://localhost/", subprotocols=["sessiond.v1"], compression=None
            )
            sessiond = Sessiond(socket)
            await sessiond.request("hello", **IDENTITY)
            return sessiond
        except (OSError, websockets.ConnectionClosed) as error:
            print(f"sessiond is not there: {error}", flush=True)
            await asyncio.sleep(random.random() * min(5.0, 0.05 * 2**attempt))
            attempt = min(attempt + 1, 10)


async def until_lost(sessiond, seconds):
    """Waits; returns True where the connection was lost meanwhile."""
    try:
        await asyncio.wait_for(sessiond.socket.wait_closed(), seconds)
        return True
    except asyncio.TimeoutError:
        return False


async def main(path, call_id="python-call-1", seconds="2"):
    sessiond = await connect(path)
    answer = await sessiond.request("session.acquire", key=call_id)
    if not answer["granted"]:
        print(f"{call_id} busy tone: {answer['reason']}", flush=True)
        await sessiond.socket.close()
        return
    token = answer["token"]
    print(f"{call_id} answered: {answer['inUse']} of {answer['limit']} in use", flush=True)

    loop = asyncio.get_running_loop()
    end = loop.time() + float(seconds)
    while await until_lost(sessiond, max(0.0, end - loop.time())):
        # The call goes on. After the restart of the daemon its session waits to be resumed.
        sessiond = await connect(path)
        resumed = await sessiond.request("session.resume", tokens=[token])
        token = resumed["replaced"].get(token, token)
        if token in resumed["unknown"]:
            again = await sessiond.request("session.acquire", key=call_id)
            token = again.get("token", token)
        print(f"{call_id} goes on: {resumed['resumed']} session resumed", flush=True)

    released = await sessiond.request("session.release", token=token)
    print(f"{call_id} hung up: {'released' if released['released'] else 'was not held any more'}", flush=True)
    await sessiond.socket.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
