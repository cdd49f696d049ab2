"""What is gathered to learn from: what the store holds, as far as the catalogue knows it."""

from datetime import timedelta

import yaml

from agent.background.diagnosistrain import gather_examples
from agent.config import load_settings
from agent.records.feedback import Feedback, FeedbackKind
from agent.store import open_stores
from tests.incidents import keep_past, past_incident
from tests.make import NOW


def test_incidents_anomalies_that_were_none_and_cases_are_examples(tmp_path):
    rules = tmp_path / "rules"
    (rules / "cases").mkdir(parents=True)
    (rules / "faults.yml").write_text(yaml.safe_dump({"faults": [{"id": "worn", "summary": "s"}]}))
    case = {"id": "old", "fault": "worn", "summary": "s", "seen": {"signal:cpu": 0.5, "latency": 1.0}}
    (rules / "cases" / "ours.yml").write_text(yaml.safe_dump({"cases": [case]}))
    config = tmp_path / "opsmend.yml"
    config.write_text(yaml.safe_dump({"agent": {"state_dir": "state"}, "paths": {"rules": str(rules)}}))
    settings = load_settings(config, {})
    settings.database.parent.mkdir()
    stores = open_stores(settings.database)
    later = NOW + timedelta(hours=1)
    keep_past(stores, [(past_incident(["a", "b"], NOW), "worn"), (past_incident(["a"], later), "long_gone")])
    said = Feedback(kind=FeedbackKind.NO_ANOMALY, author="ann", at=NOW, entity="web1", signal="cpu")
    stores.feedback.add(said)
    stores.close()

    found = {one.id: one for one in gather_examples(settings)}
    assert {key: (one.fault, one.origin) for key, one in found.items()} == {
        "case_old": ("worn", "case"),
        "incident_1": ("worn", "person"),
        "feedback_3": ("healthy", "person"),
    }
    assert found["incident_1"].features == {"signal:a": 1.0, "signal:b": 1.0}
    assert found["case_old"].features == {"signal:cpu": 0.5}
    assert found["case_old"].at < found["incident_1"].at
