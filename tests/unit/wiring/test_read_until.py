"""Alerts are known up to now where somebody may hand them in, whichever way the token came to be."""

import pytest

from agent.config import load_settings
from agent.records.tokens import Scope, Token
from agent.stream import AlertIntake, ReadMarks
from agent.wiring.arriving import read_until


@pytest.fixture
def known(tmp_path, stores, clock):
    def look(api="{}"):
        config = tmp_path / "opsmend.yml"
        config.write_text(f"agent: {{state_dir: state}}\napi: {api}\n")
        alerts = AlertIntake(stores.alerts, (), None)
        return "alert" in read_until(load_settings(config, {}), stores, ReadMarks(), alerts, clock)

    return look


def issue(stores, clock, scope):
    token = Token(id="t1", person="alertmanager", scope=scope, created_by="chief", created_at=clock.now())
    stores.tokens.add(token, "digest", clock.now())


def test_nobody_hands_in_alerts_without_a_token_for_it(stores, clock, known):
    assert not known()
    issue(stores, clock, Scope.LOOK)
    assert not known()


def test_an_issued_token_for_alerts_is_one_until_it_is_revoked(stores, clock, known):
    issue(stores, clock, Scope.ALERT)
    assert known()
    assert not known("{listen: null}")
    stores.tokens.revoke("t1", "chief", clock.now())
    assert not known()
