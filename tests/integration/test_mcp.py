"""What an assistant is told by ``opsmend mcp``, over standard input and over HTTP."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests
from mcp import ClientSession, StdioServerParameters, stdio_client

from agent.web.server import start_servers
from tests.servers.process import wait_until
from tests.web.gallery import Gallery


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    made = Gallery(tmp_path_factory.mktemp("gallery"), listen=None)
    made.numbers = made.fill()
    servers = start_servers(made.app(), made.settings, lambda what, why: pytest.fail(why), lambda: True)
    yield made
    for server in servers:
        server.stop()
    made.stores.close()


def command(gallery, *arguments):
    return [
        sys.executable,
        "-m",
        "agent.cli.main",
        "mcp",
        "-c",
        str(gallery.folder / "opsmend.yml"),
        *arguments,
    ]


def over_stdio(gallery, ask):
    """Return what a client is answered that starts the server itself."""

    async def talk():
        program, *arguments = command(gallery)
        server = StdioServerParameters(command=program, args=arguments, env=dict(os.environ))
        async with stdio_client(server) as streams, ClientSession(*streams) as client:
            await client.initialize()
            return await ask(client)

    return asyncio.run(asyncio.wait_for(talk(), 120))


def test_it_reads_incidents_and_offers_no_deed(gallery):
    number = gallery.numbers["denied"]

    async def ask(client):
        tools = (await client.list_tools()).tools
        shown = await client.call_tool("show_incident", {"incident_id": number})
        missing = await client.call_tool("show_incident", {"incident_id": 99999})
        return tools, shown, missing

    before = gallery.stores.audit.head()
    tools, shown, missing = over_stdio(gallery, ask)
    assert all(one.annotations.read_only_hint for one in tools)
    assert not {"approve", "deny", "run", "close", "cancel", "pause", "resume"} & {one.name for one in tools}
    incident = json.loads(shown.content[0].text)
    assert (incident["incident"]["id"], incident["incident"]["host"]) == (number, "db2")
    comment = incident["approval"]["votes"][0]["comment"]
    assert comment == {"untrusted": "the backup is writing there, wait for it"}
    assert missing.is_error
    assert "there is no incident 99999" in missing.content[0].text
    assert gallery.stores.audit.head() == before


@contextmanager
def over_http(gallery):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(command(gallery, "--listen", address))
    try:
        wait_until(lambda: listens(address), 60)
        assert call(address, "x").status_code == 401
        yield address
    finally:
        server.terminate()
        server.wait(20)


def listens(address):
    host, port = address.split(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


def call(address, token, method="tools/call", **params):
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    return requests.post(f"http://{address}/mcp", json=body, headers=headers, timeout=30)


def test_over_http_it_asks_for_a_token_of_the_agent(gallery):
    with over_http(gallery) as address:
        assert call(address, gallery.tokens["alertmanager"], "tools/list").status_code == 401  # may not look
        answer = call(address, gallery.tokens["onlooker"], name="status", arguments={})
        assert answer.status_code == 200
        assert "incidents" in answer.json()["result"]["content"][0]["text"]


def test_it_opens_nowhere_else():
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli.main", "mcp", "--listen", "0.0.0.0:9470"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 5
    assert "put TLS in front of it" in done.stderr
