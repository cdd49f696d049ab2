"""Times of rules and remediations, multiplied for fast scrapes."""

from datetime import timedelta

from agent.config.rulefiles import Rule
from agent.config.timescale import scale_remediation, scale_rule
from tests.make import remediation

SOON = {
    "id": "soon",
    "fault": "down",
    "entity": "{host}",
    "confidence": 0.9,
    "when": {"forecast": "free", "within": "2h"},
    "evidence": "soon",
    "harm": "itself",
}


def test_the_time_in_which_something_may_be_prevented_is_scaled_like_what_is_waited_for():
    file = remediation("restart", fixes=["down"], prevents={"down": "20m"}).file
    assert scale_remediation(file, 0.1).prevents == {"down": timedelta(minutes=2)}
    assert scale_rule(Rule.model_validate(SOON), 0.1).when.within == timedelta(minutes=12)
