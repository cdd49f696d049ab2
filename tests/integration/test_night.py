"""A running agent with its playbooks, in a browser: found, decided, watched, and what comes too late."""

import pytest

from agent.records import IncidentState
from tests.integration.workshop import MEND, wait_for
from tests.servers.process import wait_until
from tests.web.browser import opened, opened_by_two, running_browser

WAIT_MS = 60_000
TOKENS = {"ann": "a" * 20, "bob": "b" * 20}
ASKS = {"remediations": [{"id": "ask", "mode": "approve"}]}


@pytest.fixture
def night(request, workshop):
    """An agent that asks before it mends, which takes a moment; its address, and its store."""
    slow = {"name": "Look around", "ansible.builtin.command": "sleep 3", "changed_when": False}
    workshop.remediation("mend", [slow, *MEND])
    workshop.policy(**ASKS, approval={"expires": getattr(request, "param", "1h")})
    url = workshop.api()
    process = workshop.start()
    try:
        wait_until(lambda: "port opened" in workshop.log(), 60, workshop.log)
        stores = workshop.stores()
        yield url, stores
        stores.close()
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser():
    with running_browser() as made:
        yield made


def test_it_appears_live_is_approved_on_a_phone_is_watched_and_recovers(night, workshop, browser):
    url, stores = night
    with opened(browser, url, TOKENS["ann"]) as page:
        page.get_by_role("heading", name="All is well").wait_for(timeout=WAIT_MS)
        workshop.break_host("web1")
        page.get_by_role("link", name="Needs your yes").first.click(timeout=WAIT_MS)
        page.get_by_role("button", name="Approve").click()
        page.locator("ol.tasks li", has_text="Look around").first.wait_for(timeout=WAIT_MS)
        page.locator(".head .chip", has_text="Recovered").wait_for(timeout=WAIT_MS)
    (run,) = stores.runs.of_incident(1)
    assert (run.state.value, run.verdict.value) == ("succeeded", "recovered")
    assert not (workshop.broken / "web1").exists()


def test_of_two_who_press_at_once_one_wins_and_the_other_is_told(night, workshop, browser):
    url, stores = night
    workshop.break_host("web2")
    incident = wait_for(stores, IncidentState.AWAITING_APPROVAL)
    with opened_by_two(browser, url, TOKENS, f"/incidents/{incident.id}", "desk") as (first, second):
        first.get_by_role("button", name="Approve").click(no_wait_after=True)
        second.get_by_role("button", name="Approve").click()
        for page in (first, second):
            page.get_by_role("heading", name="Approved").wait_for(timeout=WAIT_MS)
        told = [page.locator("main").inner_text() for page in (first, second)]
        assert sum("That was not done." in text for text in told) == 1, told
    assert len(stores.approvals.newest(incident.id).votes) == 1


@pytest.mark.browser
@pytest.mark.parametrize("night", ["20s"], indirect=True)
def test_who_comes_after_the_time_is_told_and_somebody_takes_it(workshop, night, browser):
    url, stores = night
    workshop.break_host("web3")
    incident = wait_for(stores, IncidentState.AWAITING_APPROVAL)
    with opened_by_two(browser, url, TOKENS, f"/incidents/{incident.id}") as (page, late):
        page.get_by_role("heading", name="Nobody answered in time").wait_for(timeout=WAIT_MS)
        late.get_by_role("button", name="Approve").click()
        late.get_by_text("That was not done.").wait_for()
        page.get_by_role("button", name="I have it").click(timeout=WAIT_MS)
        page.get_by_text("ann has it, since").first.wait_for()
        (workshop.broken / "web3").unlink()
        page.locator(".head .chip", has_text="Went away").wait_for(timeout=WAIT_MS)
    assert stores.runs.of_incident(incident.id) == []
