"""What people say over the API is kept with who said it, and only of those who may."""

from datetime import UTC, datetime

import requests

from agent.background.entitytrain import past_troubles
from tests.integration.test_access import bearer
from tests.web.gallery import Gallery


def test_feedback_is_kept_with_its_author(tmp_path):
    gallery = Gallery(tmp_path)
    number = gallery.fill()["escalated"]
    with gallery.serving() as url:

        def say(path, who="ann", **body):
            address = f"{url}/api/v1/{path}"
            return requests.post(address, json=body, headers=bearer(gallery, who), timeout=10)

        when = {"from": "2026-03-01T10:00:00Z", "to": "2026-03-01T11:00:00Z"}
        assert say("anomalies/missed", entity="web9", **when).status_code == 201
        assert say(f"incidents/{number}/feedback", kind="it_was", fault="disk_full").status_code == 201
        assert say(f"incidents/{number}/feedback", kind="it_was", fault="disk_fool").status_code == 404
        assert say(f"incidents/{number}/feedback", kind="it_was").status_code == 403
        assert say("incidents/999999/feedback", kind="right").status_code == 404
        assert say("anomalies/00000000/wrong").status_code == 404
        backwards = {"from": when["to"], "to": when["from"]}
        assert say("anomalies/missed", entity="web9", **backwards).status_code == 403
        assert say("anomalies/missed", who="onlooker", entity="web9", **when).status_code == 403
        told = requests.get(f"{url}/api/v1/feedback", headers=bearer(gallery, "ann"), timeout=10).json()[
            "data"
        ]
        assert [(one["kind"], one["author"]) for one in told] == [("it_was", "ann"), ("missed", "ann")]
        assert "feedback" in [one.action for one in gallery.stores.audit.list(limit=10)]
        # what was missed is not learned as normal
        (trouble,) = [one for one in past_troubles(gallery.settings) if one.entity == "web9"]
        assert trouble.begin == datetime(2026, 3, 1, 10, tzinfo=UTC)
