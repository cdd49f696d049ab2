"""The pages in a real browser: what the person called at night sees and presses."""

import os
from pathlib import Path

import pytest

from agent.records import IncidentState
from tests.web.browser import SCHEMES, SIZES, opened, opened_by_two, running_browser, violations
from tests.web.gallery import Gallery

SHOTS = Path(os.environ.get("SHOTS", ".cache/shots"))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    made = Gallery(tmp_path_factory.mktemp("gallery"))
    made.numbers = made.fill()
    with made.serving() as url:
        made.url = url
        yield made
    made.stores.close()


@pytest.fixture(scope="module")
def browser():
    with running_browser() as made:
        yield made


def pages(gallery):
    return {
        "now": "/",
        **{name: f"/incidents/{number}" for name, number in gallery.numbers.items()},
        "incidents": "/incidents",
        "anomalies": "/anomalies",
        "forecasts": "/forecasts",
        "why_not": f"/incidents/{gallery.numbers['awaiting']}/why-not",
        "remediations": "/remediations",
        "remediation": "/remediations/restart_service",
        "patterns": "/patterns",
        "models": "/models",
        "audit": "/audit",
        "settings": "/settings",
    }


def test_nothing_keeps_people_from_using_the_pages_of_the_night(gallery, browser):
    chosen = ("now", "awaiting", "recovered", "forecasts", "why_not", "audit")
    look_at(gallery, browser, {name: pages(gallery)[name] for name in chosen}, "phone", "dark")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_nothing_keeps_people_from_using_any_page(gallery, browser, size, scheme):
    look_at(gallery, browser, pages(gallery), size, scheme)


def look_at(gallery, browser, wanted, size, scheme):
    """Take a picture of each page, and let axe look for what is seriously wrong with it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    found = {}
    with opened(browser, gallery.url, gallery.tokens["ann"], size, scheme) as page:
        for name, path in wanted.items():
            page.goto(gallery.url + path)
            page.screenshot(path=SHOTS / f"{name}-{size}-{scheme}.png", full_page=True)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= page.viewport_size["width"], f"{name} is {width} wide"
            if wrong := violations(page):
                found[name] = wrong
    assert found == {}


def test_a_yes_is_given_on_a_phone(gallery, browser):
    number = ask_anew(gallery)
    with opened(browser, gallery.url, gallery.tokens["ann"]) as page:
        page.get_by_role("link", name="Needs your yes").first.click()
        page.goto(f"{gallery.url}/incidents/{number}")
        page.fill("#comment", "seen on the graph")
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("heading", name="Approved").wait_for()
        assert "By ann: seen on the graph" in page.inner_text("main")
    assert gallery.stores.approvals.newest(number).state == "approved"


def test_two_press_at_once_one_wins_and_the_other_is_told(gallery, browser):
    number = ask_anew(gallery)
    address = f"{gallery.url}/incidents/{number}"
    with (
        opened(browser, gallery.url, gallery.tokens["ann"]) as first,
        # who decides on an old page: this one is not kept up to date
        opened(browser, gallery.url, gallery.tokens["bob"], java_script_enabled=False) as second,
        opened(browser, gallery.url, gallery.tokens["bob"], "desk") as third,
    ):
        first.goto(address)
        second.goto(address)
        third.goto(address)
        first.get_by_role("button", name="Approve").click()
        first.get_by_role("heading", name="Approved").wait_for()
        third.get_by_role("heading", name="Approved").wait_for(timeout=5000)
        second.get_by_role("button", name="Deny").click()
        second.get_by_text("That was not done.").wait_for()
        assert "approved already by ann" in second.inner_text("main")
    votes = gallery.stores.approvals.newest(number).votes
    assert [vote.yes for vote in votes] == [True]


def test_a_yes_to_another_plan_than_the_one_on_the_page_does_not_count(gallery, browser):
    number = ask_anew(gallery)
    # a page that is not kept up to date, as on a phone that was in a pocket
    with opened(browser, gallery.url, gallery.tokens["ann"], java_script_enabled=False) as page:
        page.goto(f"{gallery.url}/incidents/{number}")
        ask_anew(gallery, number)
        page.get_by_role("button", name="Approve").click()
        page.get_by_text("opsmend asks for something else by now").wait_for()
    assert gallery.stores.approvals.newest(number).state == "pending"


def test_what_happens_is_seen_without_reloading(gallery, browser):
    number = ask_anew(gallery)
    with opened(browser, gallery.url, gallery.tokens["ann"], "desk") as page:
        page.goto(f"{gallery.url}/incidents/{number}")
        page.get_by_role("heading", name="May opsmend run this?").wait_for()
        incident = gallery.stores.incidents.get(number)
        gallery.move(incident, IncidentState.ESCALATED, None, detail="for people")
        page.locator(".head .chip", has_text="For you").wait_for(timeout=5000)


def test_all_but_live_updates_works_without_javascript(gallery, browser):
    number = ask_anew(gallery)
    with opened(browser, gallery.url, gallery.tokens["bob"], java_script_enabled=False) as page:
        page.goto(f"{gallery.url}/incidents/{number}")
        page.get_by_text("What Ansible's check mode says").count()
        page.fill("#comment", "not now")
        page.get_by_role("button", name="Deny").click()
        page.get_by_role("heading", name="Denied").wait_for()
    assert gallery.stores.approvals.newest(number).said == "bob: not now"


def test_who_may_not_decide_is_told_who_may(gallery, browser):
    number = ask_anew(gallery)
    for name, said in (("eve", "You, eve, may not decide"), ("onlooker", "decide nothing")):
        with opened(browser, gallery.url, gallery.tokens[name]) as page:
            page.goto(f"{gallery.url}/incidents/{number}")
            assert said in page.inner_text("main")
            assert page.get_by_role("button", name="Approve").count() == 0


def test_a_page_can_be_used_with_the_keyboard_alone(gallery, browser):
    number = ask_anew(gallery)
    with opened(browser, gallery.url, gallery.tokens["ann"], "desk") as page:
        page.goto(f"{gallery.url}/incidents/{number}")
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Approve":
                break
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Approved").wait_for()


def test_words_of_strangers_are_words(gallery, browser):
    hostile = "<script>document.title='owned'</script><img src=x onerror=alert(1)> {{7*7}} \u202egnp"
    incident = gallery.stores.incidents.get(gallery.numbers["held"])
    gallery.stores.incidents.save(
        type(incident)(**{**fields(incident), "title": hostile, "detail": hostile}), "opsmend"
    )
    with opened(browser, gallery.url, gallery.tokens["ann"]) as page:
        for path in ("/", "/incidents", f"/incidents/{incident.id}"):
            page.goto(gallery.url + path)
            assert "owned" not in page.title() or "<script>" in page.title()
            assert hostile[:40] in page.inner_text("main")


def fields(record):
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def ask_anew(gallery, number=None):
    """Put up an incident that asks for approval, or ask once more for one; return its number."""
    if number is None:
        number = gallery.awaiting().id
    else:
        gallery.ask_again(number)
    return number


def test_what_it_really_was_can_be_said_when_it_is_over(gallery, browser):
    number = gallery.numbers["recovered"]
    with opened(browser, gallery.url, gallery.tokens["ann"]) as page:
        page.goto(f"{gallery.url}/incidents/{number}")
        page.get_by_text("Say what it was").click()
        page.get_by_label("should have been the fault below").check()
        page.select_option("#fault", "disk_full")
        page.get_by_role("button", name="Say it").click()
        page.get_by_text("ann, ").and_(page.get_by_text("it was disk_full")).wait_for()
        assert violations(page) == []
    (said,) = gallery.stores.feedback.list(incident_id=number)
    assert (said.author, said.fault) == ("ann", "disk_full")


def test_who_has_it_is_said_once_and_the_other_who_presses_is_told(gallery, browser):
    number = gallery.numbers["escalated"]
    # the second is an old page, as on a phone that was in a pocket
    with opened_by_two(browser, gallery.url, gallery.tokens, f"/incidents/{number}") as (first, second):
        first.get_by_role("button", name="I have it").click()
        first.get_by_text("ann has it, since").wait_for()
        second.get_by_role("button", name="I have it").click()
        second.get_by_text(f"Ann has incident {number} since").wait_for()
        second.get_by_role("button", name="Take it over from ann").click()
        second.get_by_text("bob has it, since").wait_for()
        first.goto(f"{gallery.url}/incidents?show=yours")
        assert "bob has it" in first.inner_text("main")
        assert violations(first) == []
    assert gallery.stores.incidents.get(number).acknowledged_by == "bob"
