"""What came of remediations, and their autonomy, as the port shows it and people change it."""

import requests

from tests.integration.test_access import bearer
from tests.web.gallery import Gallery


def test_autonomy_is_taken_away_and_given_back_by_whom_the_policy_lets_and_said_to_all(tmp_path):
    gallery = Gallery(tmp_path)
    gallery.fill()
    with gallery.serving() as url:
        where = f"{url}/api/v1/remediations/restart_service/autonomy"

        def step(who, up, fault="service_down"):
            body = {"fault": fault, "up": up, "comment": "before the release"}
            return requests.post(where, json=body, headers=bearer(gallery, who), timeout=10)

        lowered = step("ann", up=False)
        assert (lowered.status_code, lowered.json()["data"]["rung"]) == (201, "approve")
        assert [step("ann", up=True).status_code, step("onlooker", up=False).status_code] == [403, 403]
        assert step("ann", up=False, fault="disk_full").status_code == 404
        assert step("chief", up=True).json()["data"]["rung"] == "auto"
        assert step("chief", up=True).status_code == 403  # there is no rung above
        shown = requests.get(f"{url}/api/v1/track-records", headers=bearer(gallery, "ann"), timeout=10)
    found = shown.json()["data"]
    moved = [one for one in found["autonomy"] if one["steps"]]
    assert [(one["rung"], [step["actor"] for step in one["steps"]]) for one in moved] == [
        ("auto", ["ann", "chief"])
    ]
    assert {one["remediation"] for one in found["records"]} >= {"restart_service"}
    said = [one.action for one in gallery.stores.audit.list(limit=5)]
    assert {"autonomy raised", "autonomy lowered"} <= set(said)
