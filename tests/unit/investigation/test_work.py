"""An investigation is worked out from a job, also when hosts do not answer."""

import pickle

from agent.investigation.voter import InvestigationVoter
from agent.investigation.work import Job, work
from agent.records.investigations import Investigation
from tests import make
from tests.make import NOW

OBSERVED = make.observations(
    {
        'errors{service="front"}': make.course(0.01, 0.3),
        'errors{service="cart"}': make.course(0.01, 0.5),
        'latency{service="idle"}': make.course(1.0, 1.0),
    },
    edges=[("front", "cart")],
)


def test_the_cause_is_told_with_its_path():
    told = work(Job(observed=OBSERVED))["report"]
    assert told["root_causes"][0]["entity"] == "cart"
    assert told["root_causes"][0]["path"] == "cart (errors) ──► front (errors)"


def test_a_job_passes_through_a_pipe_unchanged():
    job = pickle.loads(pickle.dumps(Job(observed=OBSERVED)))
    assert work(job) == work(Job(observed=OBSERVED))


def test_what_was_found_of_the_incidents_own_entity_becomes_a_hypothesis():
    finding = {"fault": "disk_full", "entity": "web1", "confidence": 0.7}
    finding |= {"voters": {"case c": 0.9}, "evidence": ["e"]}
    report = {"diagnosis": [finding, {**finding, "entity": "web9"}, {**finding, "fault": "unknown"}]}
    hypotheses = InvestigationVoter()
    hypotheses.learn("web1:/srv", Investigation(incident_id=1, at=NOW, report=report), frozenset({"web1"}))
    (told,) = hypotheses.of("web1:/srv")
    assert (told.voter, told.fault, told.confidence) == ("investigation case c", "disk_full", 0.7)
    assert hypotheses.of("web2") == ()
