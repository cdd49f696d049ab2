"""The endpoints that a job platform calls."""

import pytest
import requests

from agent.background.places import shelf_of
from tests.integration.test_access import bearer
from tests.servers.process import wait_until
from tests.trainings import make_training
from tests.web.gallery import Gallery

DISK = {"instance": "web9:9100", "mountpoint": "/var", "fstype": "ext4", "device": "/dev/sda2"}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    made = Gallery(tmp_path_factory.mktemp("gallery"))
    made.numbers = made.fill()
    with made.serving() as url:
        made.url = url
        yield made
    made.trainer.stop()
    made.stores.close()


def ask(gallery, body, name="onlooker"):
    path = f"{gallery.url}/api/v1/aiops/fault-diagnosis"
    return requests.post(path, json=body, headers=bearer(gallery, name), timeout=20)


def test_reported_symptoms_are_diagnosed_by_the_stock_rules(gallery):
    symptoms = [
        {"signal": "filesystem_free_ratio", "value": 0.01},
        {"signal": "filesystem_free_bytes", "value": 1e8},
        {"signal": "filesystem_seconds_to_full", "value": 600},
        {"log": "write failed: No space left on device", "lines": 12},
    ]
    answer = ask(gallery, {"symptoms": symptoms, "context": DISK}).json()
    assert answer.keys() == {"status", "data", "timestamp"}
    best = answer["data"]["diagnosis"][0]
    assert (best["fault"], best["entity"]) == ("disk_full", "web9:/var")
    assert best["confidence"] > 0.8
    assert best["evidence"]
    assert best["incident_id"] is None
    assert "free_disk_space" in [one["remediation"] for one in best["remediations"]]


def test_asking_changes_nothing(gallery):
    before = [one.id for one in gallery.stores.incidents.list(limit=1000)], gallery.stores.audit.head()
    ask(gallery, {"symptoms": ["No space left on device"], "context": DISK})
    assert (
        [one.id for one in gallery.stores.incidents.list(limit=1000)],
        gallery.stores.audit.head(),
    ) == before


def test_what_cannot_be_told_for_want_of_data_is_held_and_named(gallery):
    answer = ask(gallery, {"symptoms": [{"signal": "filesystem_free_ratio", "value": 0.01}], "context": DISK})
    data = answer.json()["data"]
    assert data["diagnosis"] == []
    assert any("it was not answered" in one["why"] for one in data["held"])


def test_an_alert_that_no_rule_knows_is_said_to_be_unknown(gallery):
    answer = ask(gallery, {"symptoms": [{"alert": "SomethingOdd"}], "context": {"instance": "web9:9100"}})
    assert [one["fault"] for one in answer.json()["data"]["diagnosis"]] == ["unknown_alert"]


@pytest.mark.parametrize(
    ("symptom", "named"),
    [
        ({}, "body.symptoms.0"),
        ({"signal": "no_such_signal", "value": 1}, "body.symptoms.0.signal: there is no signal"),
        ({"signal": "filesystem_free_ratio"}, "needs 'value' or 'anomaly'"),
        ({"signal": "filesystem_free_ratio", "value": "much"}, "value"),
        ({"alert": "A", "log": "x"}, "exactly one of"),
        ({"alert": "A", "value": 1}, "belong to a 'signal'"),
        ({"alert": "A", "since": "2999-01-01T00:00:00Z"}, "has not come yet"),
        ({"alert": "A", "since": "yesterday"}, "2026-11-28T03:12:00Z"),
        ({"alert": "A", "labels": {"a b": "c"}}, "labels"),
        ({"alert": "A", "labels": {"a": 1}}, "labels"),
        ({"log": "x", "lines": 0}, "lines"),
        (7, "body.symptoms.0"),
        ("", "log"),
    ],
)
def test_a_symptom_that_is_none_is_refused_by_name(gallery, symptom, named):
    answer = ask(gallery, {"symptoms": [symptom]})
    assert answer.status_code == 422
    assert named in answer.json()["message"]


def test_a_diagnosis_needs_symptoms_and_a_scope(gallery):
    assert ask(gallery, {"symptoms": []}).status_code == 422
    assert ask(gallery, {"context": DISK}).status_code == 422
    assert ask(gallery, {"symptoms": ["x"]}, "alertmanager").status_code == 403


def test_a_training_is_asked_for_by_administrators_and_followed_by_all(gallery):
    path = f"{gallery.url}/api/v1/aiops/model-training"
    assert requests.post(path, json={}, headers=bearer(gallery, "ann"), timeout=20).status_code == 403
    begun = requests.post(path, json={"kind": "entity"}, headers=bearer(gallery, "chief"), timeout=20)
    assert begun.status_code == 202
    address = gallery.url + begun.headers["location"]

    def job():
        return requests.get(address, headers=bearer(gallery, "onlooker"), timeout=20).json()["data"]

    assert (job()["asked_by"], job()["kind"]) == ("chief", "entity")
    # there are no metrics to learn from: it fails, and says so
    wait_until(lambda: turned(gallery) and job()["state"] == "failed", 60, lambda: str(job()))
    assert job()["why"]
    assert requests.get(path, headers=bearer(gallery, "onlooker"), timeout=20).json()["data"][0] == job()


def turned(gallery):
    gallery.trainer.turn()  # as the service does now and then
    return True


def test_a_second_training_is_the_first(gallery):
    path = f"{gallery.url}/api/v1/aiops/model-training"
    chief = bearer(gallery, "chief")
    one, other = (requests.post(path, json={}, headers=chief, timeout=20) for _ in range(2))
    assert one.json()["data"]["id"] == other.json()["data"]["id"]


def test_a_training_of_any_kind_is_put_in_force_or_beside_by_administrators(gallery):
    put = make_training("failures")
    first, second = (put(shelf_of(gallery.settings, "failures"), day).name for day in range(2))

    def move(body, person="chief", kind="failures"):
        path = f"{gallery.url}/api/v1/models/{kind}"
        return requests.post(path, json=body, headers=bearer(gallery, person), timeout=60)

    def places(answer):
        return {one["name"]: (one["in_force"], one["beside"]) for one in answer.json()["data"]}

    assert move({"move": "rollback"}, "ann").status_code == 403
    assert places(move({"move": "rollback"})) == {first: (True, False), second: (False, False)}
    assert places(move({"move": "beside", "training": second})) == {
        first: (True, False),
        second: (False, True),
    }
    listed = requests.get(f"{gallery.url}/api/v1/models", headers=bearer(gallery, "onlooker"), timeout=20)
    assert places(listed)[second] == (False, True)
    assert move({"move": "rollback"}).status_code == 404
    assert move({"move": "beside", "training": first}).status_code == 409
    assert move({"move": "promote", "training": "../../etc"}).status_code == 422
    assert move({"move": "promote"}).status_code == 422
    assert move({"move": "rollback", "training": second}).status_code == 422
    assert move({"move": "promote", "training": second}, kind="diagnosis").status_code == 404
    (shelf_of(gallery.settings, "failures").folder / second / "00000.json").write_bytes(b"[]")
    refused = move({"move": "promote", "training": second})
    assert (refused.status_code, "refused" in refused.json()["message"]) == (409, True)
    told = [one.subject for one in gallery.stores.audit.list(limit=10) if one.action.startswith("models: ")]
    assert told == [f"training {second}", f"training {first}"]
