"""A remediation that a job platform orders: one run for each key, followed to its proof, or why not."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests

from agent.records import IncidentState
from agent.store.orders import KEY_LIFE
from tests.integration.test_access import bearer
from tests.integration.workshop import MEND, wait_for
from tests.servers.process import wait_until
from tests.web.gallery import Gallery

PATH = "/api/v1/aiops/automated-remediation"
ANN = {"Authorization": "Bearer " + "a" * 20}
BROKEN = {"diagnosis_result": {"fault": "broken", "entity": "web1"}, "context": {"remediation": "mend"}}
CHECKS = {
    "settle": "0s",
    "hold": "0s",
    "within": "3s",
    "checks": [{"query": 'test_healthy{host="{host}"}', "equals": 1}],
}


@pytest.fixture
def url(workshop):
    """An agent whose remediation fails while there is a file of the name ``stuck``."""
    (workshop.folder / "stuck").touch()
    free = {
        "name": "Fail",
        "ansible.builtin.command": f"test ! -e {workshop.folder / 'stuck'}",
        "changed_when": False,
    }
    workshop.remediation("mend", [free, *MEND], verify=CHECKS)
    address = workshop.api()
    process = workshop.start()
    try:
        wait_until(lambda: "port opened" in workshop.log(), 60, workshop.log)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def order(url, body=BROKEN, key=None, wait="0s", headers=ANN):
    headers = {**headers, **({"Idempotency-Key": key} if key else {})}
    return requests.post(f"{url}{PATH}", params={"wait": wait}, json=body, headers=headers, timeout=120)


def test_fifty_at_once_with_one_key_are_one_run_which_is_proved(url, workshop):
    stores = workshop.stores()
    try:
        workshop.break_host("web1")
        incident = wait_for(stores, IncidentState.ESCALATED, 90)
        (workshop.folder / "stuck").unlink()
        with ThreadPoolExecutor(50) as pool:
            sent = list(pool.map(lambda _: order(url, key="job-4711"), range(50)))
        assert {one.status_code for one in sent} <= {200, 202}
        assert len({one.json()["data"]["id"] for one in sent}) == 1
        done = requests.get(
            url + sent[0].headers["location"], params={"wait": "60s"}, headers=ANN, timeout=90
        )
        data = done.json()["data"]
        assert (done.status_code, data["state"]) == (200, "done")
        assert data["plan_executed"]["remediation"] == "mend"
        assert data["execution_result"]["state"] == "succeeded"
        assert data["verification_result"]["verdict"] == "recovered"
        assert [one.actor for one in stores.runs.of_incident(incident.id)][1:] == ["ann"]
        again = order(url, key="job-4711")
        assert again.json()["data"] == data  # also when all is over
        assert order(url, {**BROKEN, "context": {}}, key="job-4711").status_code == 409
        assert order(url, key="job-4712").json()["data"]["state"] == "not_run"  # nothing is wrong any more
    finally:
        stores.close()


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    made = Gallery(tmp_path_factory.mktemp("gallery"))
    made.numbers = made.fill()
    with made.serving() as url:
        made.url = url
        yield made
    made.stores.close()


def ask(gallery, body, name="ann", **more):
    return order(gallery.url, body, headers=bearer(gallery, name), **more)


def held(gallery):
    return {"diagnosis_result": {"incident_id": gallery.numbers["held"]}}


def test_what_the_agent_does_not_see_is_not_run_and_says_why(gallery):
    before = gallery.stores.run_requests.open()
    answer = ask(gallery, {"diagnosis_result": {"fault": "disk_full", "entity": "web9:/var"}})
    data = answer.json()["data"]
    assert (answer.status_code, data["state"], data["plan_executed"]) == (200, "not_run", None)
    assert "disk_full on web9:/var: opsmend does not see it itself" in data["why_not"]
    assert gallery.stores.run_requests.open() == before


def test_an_order_waits_and_its_key_ends_after_a_day(gallery):
    first = ask(gallery, held(gallery), key="k", wait="300ms")
    data = first.json()["data"]
    assert (first.status_code, data["state"], data["decision"]["reason"]) == (
        202,
        "waiting",
        "maintenance_window",
    )
    assert data["remediation"] == "restart_service"
    assert ask(gallery, held(gallery), key="other").status_code == 409  # ann has asked for it already
    place = gallery.stores.orders
    known = place.get(data["id"])
    later = known.at + KEY_LIFE + timedelta(seconds=1)
    assert place.find(known.owner, "k", known.digest, known.at + KEY_LIFE - timedelta(seconds=1)) == known
    assert place.find(known.owner, "k", known.digest, later) is None


def test_only_who_may_run_may_order(gallery):
    assert ask(gallery, held(gallery), "eve").status_code == 403
    assert ask(gallery, held(gallery), "onlooker").status_code == 403


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "body.diagnosis_result"),
        ({"diagnosis_result": {}}, "'incident_id'"),
        ({"diagnosis_result": {"fault": "disk_full"}}, "belong together"),
        ({"diagnosis_result": {"incident_id": "7"}, "more": 1}, "more"),
        ({"diagnosis_result": {"incident_id": 1}, "context": {"remediation": "../x"}}, "remediation"),
        ({"diagnosis_result": []}, "diagnosis_result"),
    ],
)
def test_an_order_that_is_none_is_refused_by_name(gallery, body, named):
    answer = ask(gallery, body)
    assert answer.status_code == 422
    assert named in answer.json()["message"]


@pytest.mark.parametrize("wait", ["-1s", "60", "9999s", "1h", "0x1s"])
def test_a_time_to_wait_that_is_none_is_refused(gallery, wait):
    assert ask(gallery, held(gallery), wait=wait).status_code == 422


def test_it_is_told_what_each_rule_and_each_guard_says(gallery):
    number = gallery.numbers["held"]
    address = f"{gallery.url}/api/v1/incidents/{number}/why-not"
    data = requests.get(address, headers=bearer(gallery, "onlooker"), timeout=30).json()["data"]
    assert (data["state"], data["reason"]) == ("held", "it is a maintenance window")
    by_name = {one["remediation"]: one for one in data["remediations"]}
    told = by_name["restart_service"]
    assert told["answer"] in ("proceed", "ask", "not_now", "forbidden", "unfit")
    if told["plan"]:
        assert {one["answer"] for one in told["rules"]} & {"fits", "may fit"}
        assert {one["by"] for one in told["guards"]} >= {"pause", "window", "cooldown", "blast_radius"}
    else:
        assert told["reason"]


def test_approvals_are_listed_by_state(gallery):
    address = f"{gallery.url}/api/v1/approvals"
    headers = bearer(gallery, "onlooker")
    all_of_them = requests.get(address, headers=headers, timeout=30).json()["data"]
    denied = requests.get(address, params={"state": "denied"}, headers=headers, timeout=30).json()["data"]
    assert {"pending", "denied"} <= {one["state"] for one in all_of_them}
    assert [one["incident_id"] for one in denied] == [gallery.numbers["denied"]]
    assert requests.get(address, params={"state": "odd"}, headers=headers, timeout=30).status_code == 422
