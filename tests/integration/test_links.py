"""The link in a message: one person's answer to one request, and nothing by looking."""

import re

import pytest
import requests

from agent.notify.links import make_link
from agent.notify.story import Storyteller
from tests.web.gallery import Gallery


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    made = Gallery(tmp_path_factory.mktemp("gallery"))
    with made.serving() as url:
        made.url = url
        yield made
    made.stores.close()


@pytest.fixture
def asked(gallery):
    """An incident that asks, and a link for lisa."""
    incident = gallery.awaiting()
    return incident.id, link_for(gallery, incident.id)


def link_for(gallery, incident_id, person="lisa"):
    approval = gallery.stores.approvals.newest(incident_id)
    return make_link(gallery.stores.links, approval, person, gallery.url, gallery.clock.now())


def state(gallery, incident_id):
    return gallery.stores.approvals.newest(incident_id).state


def form(link):
    """What the form of the page holds, where it has one."""
    page = requests.get(link, timeout=10).text
    return dict(re.findall(r'name="(csrf|approval)" value="([0-9a-f]+)"', page))


def press(link, say="yes", **fields):
    return requests.post(link, data={**form(link), "say": say, **fields}, timeout=10)


def test_programs_that_follow_links_change_nothing(gallery, asked):
    number, link = asked
    before = gallery.stores.audit.head()
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        requests.request(method, link, timeout=10)
    assert requests.post(link, data={"say": "yes"}, timeout=10).status_code == 403
    assert (state(gallery, number), gallery.stores.audit.head()) == ("pending", before)


def test_the_person_whom_it_was_sent_to_answers_once(gallery, asked):
    number, link = asked
    old = form(link)
    done = press(link, comment="from my phone")
    assert "Your answer was taken" in done.text
    approval = gallery.stores.approvals.newest(number)
    assert (approval.state, approval.said) == ("approved", "lisa: from my phone")
    again = requests.post(link, data={**old, "say": "no"}, timeout=10)
    assert again.status_code == 409
    assert "approved already by lisa" in again.text


def test_it_is_good_for_no_other_plan(gallery, asked):
    number, link = asked
    old = form(link)
    gallery.ask_again(number)
    page = requests.get(link, timeout=10)
    assert "This link was for one plan" in page.text
    assert 'value="yes"' not in page.text
    assert press(link_for(gallery, number)).status_code == 200  # the link for the new one is
    assert requests.post(link, data={**old, "say": "yes"}, timeout=10).status_code == 409


def test_it_gives_nobody_a_right_that_the_policy_does_not(gallery, asked):
    number, _ = asked
    link = link_for(gallery, number, "mallory")
    assert "You, mallory, may not decide about this" in requests.get(link, timeout=10).text
    assert press(link).status_code == 403
    assert state(gallery, number) == "pending"


def test_it_opens_no_other_page(gallery, asked):
    number, link = asked
    secret = link.rpartition("/")[2]
    for headers in ({"Authorization": f"Bearer {secret}"}, {"Cookie": f"opsmend={secret}"}):
        answer = requests.get(f"{gallery.url}/api/v1/incidents/{number}", headers=headers, timeout=10)
        assert answer.status_code == 401


@pytest.mark.parametrize("secret", ["x" * 43, "../../etc/passwd" + "x" * 20, "%00" * 10, "ü" * 30])
def test_what_is_no_link_opens_nothing(gallery, secret):
    answer = requests.get(f"{gallery.url}/answer/{secret}", timeout=10)
    assert answer.status_code in (404, 422)


def test_it_ends_with_its_request(gallery, asked):
    number, link = asked
    approval = gallery.stores.approvals.newest(number)
    found = gallery.stores.links.find
    from agent.notify.links import link_id

    kept = link_id(link.rpartition("/")[2])
    assert found(kept, gallery.clock.now()).expires_at == approval.expires_at
    assert found(kept, approval.expires_at) is None


def test_only_a_target_that_one_person_reads_has_a_link(gallery, asked):
    number, _ = asked
    gallery.stores.notifications.add(number, "approval", "oncall", gallery.clock.now())
    message = gallery.stores.notifications.of_incident(number)[-1]
    charts = gallery.agent.charts.of
    teller = Storyteller(
        gallery.stores, gallery.current.book, "shop", "https://ops.example", "http://p", charts
    )
    assert "/answer/" not in teller.tell(message, gallery.clock.now()).body
    assert "https://ops.example/answer/" in teller.tell(message, gallery.clock.now(), "ann").body
