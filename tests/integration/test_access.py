"""Who gets how far over the port: every route of the API, cell by cell, and every way to come in."""

import http.client
import json
import statistics
import subprocess
import sys
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import requests

from agent.records.tokens import Scope
from agent.response import Person
from agent.response.token_actions import TokenActions
from agent.web.api.document import document_of
from tests.web.gallery import Gallery

REACH = {
    "nobody": set(),
    "alertmanager": {"alert"},
    "onlooker": {"look"},
    "ann": {"look", "decide"},
    "chief": {"look", "alert", "decide", "admin"},
}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    made = Gallery(tmp_path_factory.mktemp("gallery"))
    made.numbers = made.fill()
    with made.serving() as url:
        made.url = url
        yield made
    made.stores.close()


@pytest.fixture(scope="module")
def document(gallery):
    return requests.get(f"{gallery.url}/openapi.json", headers=bearer(gallery, "ann"), timeout=10).json()


def bearer(gallery, name):
    return {"Authorization": f"Bearer {gallery.tokens[name]}"} if name in gallery.tokens else {}


def routes(document):
    return [
        (method, path, operation["x-scope"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.mark.parametrize("name", REACH)
def test_every_route_lets_in_whom_it_says_and_nobody_else(gallery, document, name):
    """The table role x route. What is let in may still be refused by policy, state or body."""
    wrong = []
    for method, path, scope in routes(document):
        if path.endswith("/events") or scope == "public":
            continue
        address = gallery.url + path.replace("{incident_id}", "999").replace("{token_id}", "00000000")
        address = address.replace("{run_id}", "999")
        answer = requests.request(method, address, headers=bearer(gallery, name), json=[], timeout=10)
        refused = answer.status_code in (401, 403) and "may not" not in answer.text
        expected = 401 if name == "nobody" else 403
        if refused != (scope not in REACH[name]) or (refused and answer.status_code != expected):
            wrong.append((method, path, scope, answer.status_code, answer.text))
    assert wrong == []


def test_every_route_of_the_document_names_its_scope(document):
    scopes = {scope for _, _, scope in routes(document)}
    assert scopes == {"public", *(scope.value for scope in Scope)}


@pytest.mark.parametrize("path", ["/", "/incidents", "/incidents/1", "/audit", "/settings"])
def test_a_page_sends_strangers_to_sign_in_and_back(gallery, path):
    answer = requests.get(gallery.url + path, headers={"Accept": "text/html"}, timeout=10)
    assert urlsplit(answer.url).path == "/sign-in"
    with requests.Session() as browser:
        fields = {"token": gallery.tokens["ann"], "next": path}
        done = browser.post(f"{gallery.url}/sign-in", data=fields, timeout=10)
        assert (done.status_code, urlsplit(done.url).path) == (200, path)


@pytest.mark.parametrize("target", ["//evil.test/", "https://evil.test/", "/\\evil.test", "javascript:x"])
def test_signing_in_leads_nowhere_else(gallery, target):
    fields = {"token": gallery.tokens["ann"], "next": target}
    answer = requests.post(f"{gallery.url}/sign-in", data=fields, allow_redirects=False, timeout=10)
    assert answer.headers["location"] == "/"


def test_a_form_of_another_site_changes_nothing(gallery):
    with requests.Session() as browser:
        browser.post(f"{gallery.url}/sign-in", data={"token": gallery.tokens["ann"]}, timeout=10)
        number = gallery.numbers["held"]
        for fields in ({"comment": ""}, {"csrf": ""}, {"csrf": "0" * 64}):
            answer = browser.post(f"{gallery.url}/incidents/{number}/close", data=fields, timeout=10)
            assert answer.status_code == 403
        answer = browser.post(f"{gallery.url}/api/v1/incidents/{number}/close", json={}, timeout=10)
        assert answer.status_code == 403
        assert gallery.stores.incidents.get(number).state.value == "held"


def test_the_cookie_is_of_no_use_to_scripts_and_to_other_sites(gallery):
    fields = {"token": gallery.tokens["ann"]}
    answer = requests.post(f"{gallery.url}/sign-in", data=fields, allow_redirects=False, timeout=10)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert gallery.tokens["ann"] not in cookie


def test_a_revoked_token_ends_its_sessions(gallery):
    actions = TokenActions(gallery.stores, gallery.operator_actions, gallery.clock)
    token, secret = actions.issue(Person("chief"), "zoe", Scope.LOOK)
    with requests.Session() as browser:
        browser.post(f"{gallery.url}/sign-in", data={"token": secret}, timeout=10)
        assert browser.get(f"{gallery.url}/api/v1/incidents", timeout=10).status_code == 200
        actions.revoke(Person("chief"), token.id)
        assert browser.get(f"{gallery.url}/api/v1/incidents", timeout=10).status_code == 401
        headers = {"Authorization": f"Bearer {secret}"}
        assert requests.get(f"{gallery.url}/api/v1/incidents", headers=headers, timeout=10).status_code == 401


def test_an_expired_token_opens_nothing(gallery):
    actions = TokenActions(gallery.stores, gallery.operator_actions, gallery.clock)
    until = gallery.clock.now() + timedelta(seconds=1)
    _, secret = actions.issue(Person("chief"), "zoe", Scope.LOOK, expires_at=until)
    headers = {"Authorization": f"Bearer {secret}"}

    def look():
        return requests.get(f"{gallery.url}/api/v1/incidents", headers=headers, timeout=10).status_code

    assert look() == 200
    deadline = time.monotonic() + 5
    while look() != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_nothing_in_the_store_is_a_token(gallery):
    content = b"".join(file.read_bytes() for file in gallery.folder.glob("opsmend.db*"))
    for secret in gallery.tokens.values():
        assert secret.encode() not in content
        assert secret.rpartition("_")[2].encode() not in content


def test_with_a_role_a_token_may_what_the_role_may(gallery):
    held = gallery.numbers["held"]
    refused = requests.post(
        f"{gallery.url}/api/v1/incidents/{held}/cancel", headers=bearer(gallery, "eve"), timeout=10
    )
    assert refused.status_code == 403
    assert "eve may not cancel" in refused.json()["message"]
    allowed = requests.post(
        f"{gallery.url}/api/v1/incidents/{held}/cancel", headers=bearer(gallery, "ann"), timeout=10
    )
    assert "has no run at work" in allowed.json()["message"]


def test_many_who_ask_too_often_are_told_so_and_health_is_not_kept_waiting(tmp_path):
    gallery = Gallery(tmp_path, limits={"per_caller": 20, "per_address": 100_000, "failures": 30})
    waited = []
    with gallery.serving() as url:
        place = urlsplit(url)
        command = [sys.executable, "-m", "tests.bench.httpload", place.netloc]
        command += ["--token", gallery.tokens["ann"], "--clients", "150", "--seconds", "3", "--rate", "400"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as load:
            connection = http.client.HTTPConnection(place.hostname, place.port, timeout=5)
            while load.poll() is None:
                began = time.perf_counter()
                connection.request("GET", "/-/healthy")
                assert b"success" in connection.getresponse().read()
                waited.append(time.perf_counter() - began)
                time.sleep(0.02)
            connection.close()
            told = json.loads(load.stdout.read())
    assert told["statuses"].keys() == {"200", "429"}
    assert told["statuses"]["200"] <= 20 * 4 + 20 * 4
    assert statistics.median(waited) < 0.5
    # who does not heed it waits for the next no, so that a crowd cannot keep us busy with saying it
    assert told["statuses"]["429"] <= 150 * 3 * 2


def test_wrong_tokens_are_counted(tmp_path):
    gallery = Gallery(tmp_path, limits={"per_caller": 20, "per_address": 100_000, "failures": 30})
    with gallery.serving() as url:
        wrong = [
            requests.get(f"{url}/api/v1/incidents", headers={"Authorization": "Bearer x"}, timeout=10)
            for _ in range(31)
        ]
        right = requests.get(f"{url}/api/v1/incidents", headers=bearer(gallery, "ann"), timeout=10)
    assert [one.status_code for one in wrong][:30] == [401] * 30
    assert wrong[-1].status_code == right.status_code == 429
    assert int(wrong[-1].headers["retry-after"]) >= 1


def test_the_document_can_be_made_for_every_route(gallery, document):
    assert document_of  # what the published page is made of
    for method, path, _ in routes(document):
        operation = document["paths"][path][method]
        assert operation["responses"], path
        assert operation["description"] or operation["summary"], path
