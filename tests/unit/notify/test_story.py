"""What people are told of an incident when they are called."""

import pytest

from agent.config.rulefiles import Rulebook
from agent.notify import Storyteller
from agent.records.investigations import Investigation
from agent.records.probes import ProbeAnswer
from agent.store import Notification, open_stores
from tests import make
from tests.make import NOW

CAUSE = {
    "entity": "db",
    "evidence": ["it logged 9 times", "a deploy just before"],
    "against": ["others were first"],
    "path": "db (errors) ──► web1 (errors)",
}
ANSWER = ProbeAnswer(host="db", probe="space", at=NOW, seconds=0.1, findings=("/ is 99 % full",))


@pytest.fixture
def told(tmp_path):
    """Return the body of a message about an incident into which somebody looked, or nobody."""
    stores = open_stores(tmp_path / "opsmend.db")
    incident = stores.incidents.add(make.incident(), "test")
    teller = Storyteller(
        stores, lambda: Rulebook({}, {}, {}), "test", None, "http://prometheus", lambda incident, runs: ()
    )

    def tell(**found):
        if found:
            stores.investigations.keep(Investigation(incident_id=incident.id, at=NOW, **found))
        message = Notification(
            id=1, incident_id=incident.id, kind="escalated", target="oncall", created_at=NOW, due_at=NOW,
            state="waiting", attempts=0, error="",
        )  # fmt: skip
        return teller.tell(message, NOW).body

    yield tell
    stores.close()


def test_people_are_told_where_it_comes_from_and_what_the_host_says(told):
    body = told(report={"summary": "It comes from db.", "root_causes": [CAUSE]}, probes=(ANSWER,))
    for words in (
        "It comes from db.",
        "a deploy just before",
        "but others were first",
        "──►",
        "db says: / is 99",
    ):
        assert words in body


@pytest.mark.parametrize(
    "found", [{}, {"error": "it took too long"}, {"report": {"summary": "x", "root_causes": []}}]
)
def test_where_nothing_was_found_out_nothing_is_said_of_it(told, found):
    assert "says:" not in told(**found)
    assert "Diagnosis: down on web1" in told()
