"""Clients that wait: their right may end meanwhile, they may never read, lists may grow under them."""

import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
import requests

from agent.records import IncidentState
from agent.records.tokens import Scope
from agent.response import Person
from agent.response.token_actions import TokenActions
from tests import make
from tests.integration.test_access import bearer
from tests.integration.test_bodies import resident
from tests.servers.process import wait_until
from tests.web.gallery import Gallery

PATH = "/api/v1/aiops/automated-remediation"
HELD = {"diagnosis_result": {"fault": "service_down", "entity": "app1/worker.service"}}
OTHER = {"diagnosis_result": {"fault": "disk_full", "entity": "web9:/var"}}


@pytest.fixture
def gallery(tmp_path):
    made = Gallery(tmp_path)
    made.numbers = made.fill()
    with made.serving() as url:
        made.url = url
        yield made
    made.stores.close()


def issue(gallery, person, scope, role=None):
    actions = TokenActions(gallery.stores, gallery.operator_actions, gallery.clock)
    token, secret = actions.issue(Person("chief"), person, scope, role)
    return token.id, {"Authorization": f"Bearer {secret}"}, lambda: actions.revoke(Person("chief"), token.id)


def order(gallery, headers, body=HELD, key="job-1", wait="0s"):
    headers = {**headers, "Idempotency-Key": key}
    return requests.post(gallery.url + PATH, json=body, params={"wait": wait}, headers=headers, timeout=60)


def test_a_token_that_is_revoked_while_its_order_waits_is_told_nothing_more(gallery):
    _, headers, revoke = issue(gallery, "zoe", Scope.DECIDE, "oncall")
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(order(gallery, headers, wait="40s")))
    waiting.start()
    wait_until(lambda: gallery.stores.run_requests.open(), 20, lambda: "never asked")
    began = time.monotonic()
    revoke()
    waiting.join(20)
    assert (answers[0].status_code, "data" in answers[0].json()) == (401, False)
    assert time.monotonic() - began < 15


def test_a_stream_ends_with_the_right_to_it(gallery):
    _, headers, revoke = issue(gallery, "zoe", Scope.LOOK)
    with requests.get(f"{gallery.url}/api/v1/events", headers=headers, stream=True, timeout=30) as stream:
        lines = stream.iter_lines()
        assert any(b"event: open" in line for line in lines)
        revoke()
        assert not any(b"revoked" in line for line in lines)  # it ends, and does not tell of what came after


def test_who_comes_back_to_a_stream_misses_nothing_however_much_it_was(gallery):
    for number in range(120):
        gallery.stores.audit.note(gallery.clock.now(), "zoe", "wrote", f"page {number}")
    headers = {**bearer(gallery, "ann"), "Last-Event-ID": "1-0"}
    with requests.get(f"{gallery.url}/api/v1/events", headers=headers, stream=True, timeout=30) as stream:
        assert any(b'"page 119"' in line for line in stream.iter_lines())


def test_the_same_key_of_two_tokens_is_two_orders_and_of_one_with_another_body_is_refused(gallery):
    _, mine, _ = issue(gallery, "zoe", Scope.DECIDE, "oncall")
    _, theirs, _ = issue(gallery, "zoe", Scope.DECIDE, "oncall")
    first, again = order(gallery, mine, OTHER), order(gallery, mine, OTHER)
    assert first.json()["data"]["id"] == again.json()["data"]["id"]
    assert order(gallery, theirs, OTHER).json()["data"]["id"] != first.json()["data"]["id"]
    refused = order(gallery, mine, HELD)
    assert refused.status_code == 409
    assert "the key was used for another order" in refused.json()["message"]


def peeked(raw):
    """Return what has come, and leave it there."""
    try:
        return raw.recv(4096, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


def test_who_never_reads_costs_no_memory_and_keeps_nobody_else_from_looking_on(gallery):
    place = urlsplit(gallery.url)
    login = f"Authorization: Bearer {gallery.tokens['onlooker']}"
    ask = f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n{login}\r\n\r\n"
    deaf = []
    try:
        for _ in range(14):
            raw = socket.create_connection((place.hostname, place.port), timeout=10)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.sendall(ask.encode())
            deaf.append(raw)
        wait_until(lambda: any(b" 429 " in peeked(raw) for raw in deaf), 20, lambda: "all were let in")
        before = resident()
        for number in range(500):
            gallery.stores.audit.note(gallery.clock.now(), "zoe", "wrote", str(number), text="x" * 30_000)
        time.sleep(1.0)  # the streams look three times a second
        with requests.get(
            f"{gallery.url}/api/v1/events", headers=bearer(gallery, "ann"), stream=True, timeout=10
        ) as other:
            assert other.status_code == 200
        assert requests.get(f"{gallery.url}/-/healthy", timeout=5).status_code == 200
        assert resident() - before < 160 << 20  # all of it for each would be 375 MB
    finally:
        for raw in deaf:
            raw.close()


def test_an_etag_holds_until_something_changes(gallery):
    address, headers = f"{gallery.url}/api/v1/incidents", bearer(gallery, "ann")
    first = requests.get(address, headers=headers, timeout=10)
    known = {**headers, "If-None-Match": first.headers["etag"]}
    assert requests.get(address, headers=known, timeout=10).status_code == 304
    gallery.operator_actions.acknowledge(gallery.numbers["escalated"], Person("lisa"))
    changed = requests.get(address, headers=known, timeout=10)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


def test_paging_shows_each_row_once_while_rows_are_added(gallery):
    wanted = {one.id for one in gallery.stores.incidents.list(limit=1000)}
    seen, path = [], "/api/v1/incidents?limit=2"
    while path:
        told = requests.get(gallery.url + path, headers=bearer(gallery, "ann"), timeout=10).json()
        seen += [one["id"] for one in told["data"]]
        path = told.get("next")
        gallery.open(make.incident(state=IncidentState.OPEN, opened_at=gallery.now))
    assert sorted(seen) == sorted(wanted)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_can_do_nothing_in_somebodys_name(gallery, site):
    with requests.Session() as browser:
        browser.post(f"{gallery.url}/sign-in", data={"token": gallery.tokens["ann"]}, timeout=10)
        page = browser.get(f"{gallery.url}/incidents/{gallery.numbers['awaiting']}", timeout=10).text
        csrf = page.split('name="csrf" value="')[1].split('"')[0]
        fields = {"csrf": csrf, "comment": ""}
        address = f"{gallery.url}/incidents/{gallery.numbers['held']}/close"
        from_elsewhere = {"Sec-Fetch-Site": site, "Origin": "https://evil.test"}
        answer = browser.post(address, data=fields, headers=from_elsewhere, timeout=10)
        assert answer.status_code == 403
        assert browser.get(f"{gallery.url}/api/v1/incidents", headers=from_elsewhere, timeout=10).ok
        assert "access-control-allow-origin" not in answer.headers
    assert gallery.stores.incidents.get(gallery.numbers["held"]).state is IncidentState.HELD
