"""Bodies of every wrong kind: a 4xx that names what is wrong, and no memory lost to it."""

import json
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from agent.web.api.document import document_of
from tests.integration.test_access import bearer
from tests.web.gallery import Gallery

WRONG = {
    "no JSON": (b"not json", "body"),
    "empty": (b"", "body"),
    "half": (b'{"comment": "x', "body"),
    "no UTF-8": (b'{"comment": "\xff"}', "body"),
    "NaN": (b'{"comment": NaN}', "comment"),
    "a key twice": (b'{"comment": "a", "comment": "b"}', "comment"),
    "deep": (b"[" * 100_000 + b"]" * 100_000, "levels deep"),
    "a list": (b"[]", "body"),
    "a number": (b"7", "body"),
    "null": (b"null", "body"),
    "of another type": (b'{"comment": {"a": 1}}', "comment"),
    "too long": (json.dumps({"comment": "x" * 3000}).encode(), "comment"),
    "of an unknown name": (b'{"remark": "x"}', "remark"),
    "large": (json.dumps({"comment": "x" * 400_000}).encode(), "bytes"),
}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    made = Gallery(tmp_path_factory.mktemp("gallery"))
    made.numbers = made.fill()
    with made.serving() as url:
        made.url = url
        yield made
    made.stores.close()


def post(gallery, path, body, name="ann"):
    headers = {**bearer(gallery, name), "Content-Type": "application/json"}
    return requests.post(gallery.url + path, data=body, headers=headers, timeout=20)


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("path", ["/api/v1/incidents/1/close", "/api/v1/pause"])
def test_a_wrong_body_is_refused_and_what_is_wrong_is_named(gallery, path, kind):
    body, named = WRONG[kind]
    answer = post(gallery, path, body)
    assert answer.status_code in (413, 422)
    assert answer.json()["status"] == "error"
    assert named in answer.json()["message"]
    assert gallery.stores.pauses.in_force(gallery.clock.now()) == []


def test_no_route_takes_a_wrong_body_or_has_a_fault_of_its_own(gallery):
    """Each kind at each POST of the document: refused, with why, by an answer of the API's form."""
    bodies = {kind: body for kind, (body, _) in WRONG.items()}
    bodies |= {
        "a long key": b'{"' + b"k" * 200_000 + b'": 1}',
        "no object": b'"x"',
        "UTF-16": b"\xff\xfe{\x00}\x00",
    }
    document = document_of(gallery.app())
    wrong = []
    for path, methods in document["paths"].items():
        who = {"alert": "alertmanager", "admin": "chief"}.get(methods.get("post", {}).get("x-scope"), "ann")
        address = path.replace("{incident_id}", "1").replace("{anomaly_id}", "00000000")
        for kind, body in bodies.items() if "post" in methods else ():
            if (address.endswith("/resume") and kind in ("empty", "null")) or address.endswith("/cancel"):
                continue  # what may be left out there
            answer = post(gallery, address, body, who)
            said = answer.json()["message"] if 400 <= answer.status_code < 500 else ""
            if not 0 < len(said) < 1000:
                wrong.append((address, kind, answer.status_code, answer.text[:200]))
    assert wrong == []


def test_a_body_of_a_hundred_megabytes_is_refused_unread_and_costs_no_memory(gallery):
    before = resident()
    place = urlsplit(gallery.url)
    head = f"POST /api/v1/pause HTTP/1.1\r\nHost: x\r\nContent-Length: {100 << 20}\r\n"
    head += f"Authorization: Bearer {gallery.tokens['ann']}\r\n\r\n"
    for _ in range(5):
        with socket.create_connection((place.hostname, place.port), timeout=10) as raw:
            raw.sendall(head.encode() + b"x" * 65536)
            assert b" 413 " in raw.recv(65536)
    assert resident() - before < 20 << 20


def test_many_wrong_bodies_leave_the_memory_flat(gallery):
    body = b'{"comment": "' + b"x" * 200_000 + b'", "more": [' + b"0," * 20_000 + b"0]}"
    for _ in range(10):
        post(gallery, "/api/v1/pause", body)
    before = resident()
    for _ in range(60):
        assert post(gallery, "/api/v1/pause", body).status_code in (413, 422)
    assert resident() - before < 20 << 20


def test_the_token_is_looked_at_before_the_body_is_read(gallery):
    place = urlsplit(gallery.url)
    head = (
        "POST /api/v1/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nAuthorization: Bearer no\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port), timeout=10) as raw:
        raw.sendall(head.encode())  # and nothing of the body
        assert b" 401 " in raw.recv(65536)


def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
