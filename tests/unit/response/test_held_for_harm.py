"""What hurts nobody is held once: what is decided rests on the diagnosis that is kept, whoever asks."""

from agent.config.rulefiles import HarmRule, Signal
from agent.reasons import Reason
from agent.records import IncidentState
from tests.world import RULES, SIGNALS

USERS = Signal(id="users_waiting", summary="s", query="users_waiting", role="latency", detect=False)
HARM = HarmRule.model_validate(
    {
        "id": "users",
        "entity": "{host}",
        "when": {"signal": "users_waiting", "above": 0.5},
        "evidence": "users of {host} wait",
        "otherwise": "no user of {host} waits",
    }
)


def test_an_incident_held_for_harm_changes_its_reason_only_when_what_is_measured_does(make_world):
    rules = [one.model_copy(update={"harm": ["users"]}) for one in RULES]
    catalog = {"restart": {"fixes": ["down"], "risk": "high"}}
    world = make_world(catalog=catalog, rules=rules, signals=[*SIGNALS, USERS], harms=[HARM])
    world.pass_time(15)
    world.break_host("web1")
    world.pass_time(60)
    (held,) = world.incidents
    assert (held.state, held.reason) == (IncidentState.HELD, Reason.HARM_UNKNOWN)
    world.metrics.values["users_waiting", "web1"] = 0.0  # somebody measures it from now on
    before = len(world.stores.incidents.transitions(1))
    for _ in range(6):
        world.pass_time(10)
        world.turn()  # between polls, from the store
    assert world.incidents[0].reason is Reason.NO_HARM
    assert len(world.stores.incidents.transitions(1)) == before + 1
    assert world.messages("waiting") == ["waiting"]
    world.metrics.values["users_waiting", "web1"] = 1.0
    world.until(lambda: world.at_work("steps"))
