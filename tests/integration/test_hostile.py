"""The hostile corpus through every entrance: nothing of it is evaluated, nothing of it breaks anything."""

import hashlib
import json
import os
import re
import subprocess
import sys
from urllib.parse import quote

import pytest
import requests

from agent.reasons import Reason
from agent.records import IncidentState, RunState
from tests.hostile import Trap, carry_out, corpus, write_playbook
from tests.integration.test_cli import OPSMEND
from tests.integration.workshop import TOKEN, drive, settled, webhook
from tests.operator.site import Site
from tests.servers.inbox import running_inbox
from tests.servers.process import wait_until

ALERT_RULE = {
    "id": "broken_by_alert",
    "fault": "broken",
    "entity": "{host}:{ticket}",
    "confidence": 0.95,
    "when": {"alert": "HostBroken"},
    "evidence": "{ticket} says {host}",
}
METRIC_RULE = {**ALERT_RULE, "id": "broken_by_metric", "when": {"signal": "healthy", "below": 0.5}}
# what terminals obey, and what would begin a line of its own in a log
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PEOPLE = "a" * 20


@pytest.fixture
def trap(tmp_path):
    return Trap(tmp_path / "trap")


def escaped(value):
    """A label value as the exposition format and PromQL write it."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def test_there_are_enough_of_them():
    assert len(set(corpus())) == len(corpus()) >= 150


def test_the_trap_works(trap):
    """A value that is handed to a shell or to Jinja does spring it, so an empty trap means something."""
    render = "import sys, jinja2; jinja2.Environment().from_string(sys.argv[1]).render()"
    for value in trap.values():
        if "\0" not in value and len(value) < 1000 and value.startswith(("$(touch", "`touch", "; touch")):
            subprocess.run(["sh", "-c", f"true {value}"], check=False)
        if value.startswith("{{ lipsum"):
            subprocess.run([sys.executable, "-c", render, value], check=True)
    assert len(trap.sprung()) >= 4


def test_playbooks_get_them_as_data(tmp_path, trap):
    """On this machine; tests/acceptance has the same over ssh, where one more shell lies on the way."""
    given = trap.parameters()
    site = Site(tmp_path)
    folder = tmp_path / "playbooks" / "mend"
    folder.mkdir(parents=True)
    write_playbook(folder, given, tmp_path, sys.executable)
    ended = carry_out(folder, "web1", given, site.runner, site.snapshots)
    assert ended.state is RunState.SUCCEEDED, ended.output[-2000:]
    copied, passed, printed = (
        (tmp_path / name).read_bytes().decode() for name in ("copied", "argv", "printed")
    )
    assert json.loads(copied) == list(given.values())
    assert json.loads(passed) == printed.split("\0")[:-1] == [v for v in given.values() if "\0" not in v]
    assert trap.sprung() == []


def open_to_all(workshop, rules, pattern=r"^[\s\S]*$"):
    """An agent whose remediation takes the label 'ticket' as it is, or as a pattern allows."""
    workshop.write("rules/diagnosis/test.yml", {"rules": rules})
    parameter = {"type": "string", "from": "ticket", "pattern": pattern}
    verify = {
        "settle": "0s",
        "hold": "0s",
        "within": "4s",
        "checks": [{"query": 'count(test_healthy{host="{host}",ticket!="{ticket}"})', "above": 0}],
    }
    out = workshop.folder / "out"
    out.mkdir(exist_ok=True)
    raw = out / "raw"
    raw.write_text("\n".join(corpus()), encoding="utf-8")
    tasks = [
        {
            "name": "Write {{ ticket }}",
            "ansible.builtin.copy": {
                "content": "{{ ticket | to_json }}",
                "dest": f"{out}/{{{{ ticket | hash('sha256') }}}}.json",
                "mode": "0600",
            },
        },
        {"name": "Say", "ansible.builtin.command": f"cat {raw}", "changed_when": False},
    ]
    workshop.remediation("mend", tasks, verify=verify, parameters={"ticket": parameter}, target="{host}")
    return out


def test_alerts_full_of_them_are_refused_one_by_one_with_a_reason(workshop, trap):
    """Names, labels and annotations of alerts, over the port, with the whole agent behind it."""
    open_to_all(workshop, [ALERT_RULE], pattern="^[a-z]{5,9}$")
    url = workshop.api()
    values = trap.values()
    alerts = [
        {
            "labels": {
                "alertname": "HostBroken",
                "host": f"web{1 + n % 3}",
                "ticket": v,
                v[:200] or "x": "y",
            },
            "annotations": {"summary": v, v[:200] or "x": v},
            "generatorURL": v,
        }
        for n, v in enumerate(values)
    ]
    alerts += [{"labels": {"alertname": value, "host": value, "instance": value}} for value in values]
    process = workshop.start()
    try:
        wait_until(lambda: "port opened" in workshop.log(), 60, workshop.log)
        for start in range(0, len(alerts), 50):
            body = webhook(*alerts[start : start + 50])
            answer = post(url, "/api/v1/alerts", body, TOKEN)
            assert answer.status_code == 200, answer.text
        # what terminals would obey is shown as '?', so a few are told as one
        wait_until_settled(workshop, len(values) - 10)
    finally:
        process.terminate()
        process.wait(timeout=60)
    stores = workshop.stores()
    incidents = stores.incidents.list(limit=1000)
    refused = [one for one in incidents if one.reason is Reason.PARAMETER_REFUSED]
    assert len(refused) > 200
    assert all("ticket" in one.detail for one in refused)
    assert stores.audit.verify().broken_at is None
    stores.close()
    assert trap.sprung() == []
    assert CONTROL.search(workshop.log()) is None
    assert "unforeseen error" not in workshop.log()


def wait_until_settled(workshop, count):
    stores = workshop.stores()

    def all_of_them():
        return stores.incidents.list(limit=1000)

    try:
        wait_until(lambda: len(all_of_them()) >= count, 60, lambda: f"{len(all_of_them())} incidents")
        wait_until(lambda: all(one.state.settled for one in all_of_them()), 60)
    finally:
        stores.close()


def post(url, path, body, token=PEOPLE, **more):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(url + path, json=body, headers=headers, timeout=30, **more)


@pytest.mark.parametrize("entrance", ["alerts", "metrics"])
def test_those_that_are_let_through_reach_host_people_and_terminal_as_data(
    workshop, trap, make_agent, entrance
):
    """From a label through rule, plan, playbook, PromQL, store, message and command."""
    tickets = open_to_all(workshop, [ALERT_RULE if entrance == "alerts" else METRIC_RULE])
    wanted = [value for value in trap.values() if 0 < len(value) < 300][::17]
    wanted = [
        value for value in wanted if CONTROL.search(value + value.strip()) is None and value.isprintable()
    ]
    health = {f'test_healthy{{host="{name}"}}': 1.0 for name in workshop.hosts}

    def done(value):
        return (tickets / f"{hashlib.sha256(value.encode()).hexdigest()}.json").exists()

    with running_inbox() as inbox:
        url_file = workshop.folder / "boss.url"
        url_file.write_text(inbox.url)
        workshop.config["notify"] = {
            "targets": {"boss": {"url_file": str(url_file)}},
            "escalate_to": ["boss"],
        }
        agent = make_agent()
        workshop.prometheus.exporter.live = lambda: health
        drive(agent, lambda: agent.pipeline.health.polls >= 2)
        if entrance == "alerts":
            alerts = [
                {"labels": {"alertname": "HostBroken", "host": f"web{1 + n % 3}", "ticket": v}}
                for n, v in enumerate(wanted)
            ]
            take(agent, webhook(*alerts))
        else:
            broken = {
                f'test_healthy{{host="web{1 + n % 3}",ticket="{escaped(v)}"}}': 0.0
                for n, v in enumerate(wanted)
            }
            workshop.prometheus.exporter.live = lambda: {
                **health,
                **{one: bad for (one, bad), v in zip(broken.items(), wanted, strict=True) if not done(v)},
            }
        drive(agent, settled(agent.stores, len(wanted)), timeout_s=120)
        agent.notifier.deliver()
    incidents = agent.stores.incidents.list(limit=1000)
    assert {one.state for one in incidents} <= {IncidentState.RECOVERED, IncidentState.ESCALATED}
    ran = [json.loads(file.read_text()) for file in tickets.glob("*.json")]
    assert sorted(ran) == sorted(wanted), [one.detail for one in incidents if one.detail]
    assert trap.sprung() == []
    shown = command(workshop, "incidents") + command(workshop, "incident", "show", str(incidents[0].id))
    assert CONTROL.search(shown) is None
    json.loads(command(workshop, "incident", "show", str(incidents[0].id), "--json"))


def take(agent, body):
    now = agent.clock.now()
    agent.alerts.take(json.dumps(body).encode(), "alertmanager", now)
    agent.pipeline.look_at_alerts()


def command(workshop, *arguments):
    config = workshop.save_config()
    done = subprocess.run(
        [OPSMEND, *arguments, "--config", config],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    return done.stdout


def test_bodies_paths_queries_and_headers_of_the_port(workshop, trap):
    workshop.policy(remediations=[])
    url = workshop.api()
    # each value is a wrong token once: who tries so many waits for every answer
    workshop.config["api"]["limits"] = {"per_caller": 1e5, "per_address": 1e5, "failures": 1e6}
    workshop.break_host("web1")
    process = workshop.start()
    try:
        wait_until(lambda: "port opened" in workshop.log(), 60, workshop.log)
        with requests.Session() as session:
            statuses = [status for value in trap.values() for status in knock(session, url, value)]
        assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0
    assert [status for status in statuses if status >= 500] == []
    assert trap.sprung() == []
    assert CONTROL.search(workshop.log()) is None
    stores = workshop.stores()
    assert stores.audit.verify().broken_at is None
    stores.close()


def knock(session, url, value):
    """Hand a value in wherever a request has room for one, and return what was answered."""
    headers = {"Authorization": f"Bearer {PEOPLE}"}

    def ask(method, path, **more):
        answer = session.request(method, url + path, timeout=30, **{"headers": headers, **more})
        return answer.status_code

    place = quote(value[:2000], safe="")
    yield ask("POST", "/api/v1/pause", json={"comment": value, "for": "1s"})
    yield ask("POST", "/api/v1/pause", json={"for": value})
    yield ask("POST", "/api/v1/incidents/1/run", json={"remediation": value, "comment": value})
    yield ask("POST", "/api/v1/incidents/1/deny", json={"comment": value[:2000]})
    yield ask("POST", "/api/v1/incidents/1/close", json={value: value})
    yield ask("POST", "/api/v1/pause", data=value.encode())
    yield ask("GET", f"/api/v1/incidents/{place}")
    yield ask("GET", f"/{place}")
    yield ask("GET", f"/api/v1/incidents?state={place}&before={place}&limit={place}")
    line = re.sub(r"[^\x20-\x7e\xa0-\xff]", "", value).strip()[:2000].encode("latin-1", "ignore")
    forged = {**headers, "User-Agent": line, "X-Forwarded-For": line, "Referer": line}
    yield ask("GET", "/api/v1/status", headers=forged)
    yield ask("GET", "/api/v1/status", headers={"Authorization": b"Bearer " + line})
