"""Each URL of a target is told by itself, once, and says why it did not take a message."""

from datetime import timedelta

import pytest

from agent.config.notify import NotifyTarget
from agent.notify import Notifier
from agent.notify.delivery import deliver, digest_of, look_at, read_urls
from agent.notify.story import Story
from agent.store.notifications import NotificationStore
from tests.servers.inbox import running_inbox

MESSAGE = Story(title="t\x1b[2J", body="line\u202e one\nline two")


class Teller:
    """Tells every story the same way."""

    name = "opsmend"

    def tell(self, notification, now, person=None, previews=False):
        return Story(title="t", body="b")


@pytest.fixture
def inboxes():
    with running_inbox() as one, running_inbox() as other:
        yield one, other


def target(tmp_path, name, *urls):
    file = tmp_path / name
    file.write_text("# people\n" + "\n".join(urls))
    return NotifyTarget(url_file=file)


def test_one_that_is_down_has_the_others_told_once(inboxes, tmp_path, database, clock):
    up, down = inboxes
    down.refusing = True
    store = NotificationStore(database)
    targets = {"oncall": target(tmp_path, "urls", up.url, down.url)}
    notifier = Notifier(store, Teller(), lambda: targets, clock)
    store.add(None, "escalated", "oncall", clock.now())
    for _ in range(3):
        notifier.deliver()
        clock.move(minutes=10)
    assert (len(up.messages), len(down.messages)) == (1, 0)
    (waiting,) = store.due(clock.now() + timedelta(hours=1))
    assert "503" in waiting.error
    down.refusing = False
    notifier.deliver()
    assert (len(up.messages), len(down.messages)) == (1, 1)
    assert store.due(clock.now() + timedelta(days=1)) == []


def test_a_broken_file_stops_no_other_target(inboxes, tmp_path, database, clock):
    (tmp_path / "broken").write_bytes(b"\xff\xfe\x00")
    targets = {
        "broken": NotifyTarget(url_file=tmp_path / "broken"),
        "gone": NotifyTarget(url_file=tmp_path / "gone"),
        "empty": target(tmp_path, "empty"),
        "good": target(tmp_path, "good", inboxes[0].url),
    }
    store = NotificationStore(database)
    for name in targets:
        store.add(None, "escalated", name, clock.now())
    Notifier(store, Teller(), lambda: targets, clock).deliver()
    assert len(inboxes[0].messages) == 1
    errors = {one.target: one.error for one in store.due(clock.now() + timedelta(hours=1))}
    assert "is no text" in errors["broken"]
    assert "holds no URL" in errors["empty"]
    assert "gone" in errors


def test_texts_of_strangers_are_clean_and_urls_are_not_told(inboxes):
    secret = inboxes[0].url.replace("127.0.0.1", "user:hunter2secret@127.0.0.1")
    outcomes = deliver([secret, "nonsense://x", "", "json://127.0.0.1:1/"], MESSAGE)
    assert [bool(one.why) for one in outcomes] == [False, True, True, True]
    assert "hunter2secret" not in str(outcomes)
    (message,) = inboxes[0].messages
    assert message["title"] == "t?[2J"
    assert message["message"] == "line? one\nline two"


def test_what_was_delivered_is_not_delivered_again(inboxes):
    url = inboxes[0].url
    assert deliver([url], MESSAGE, without=[digest_of(url)]) == []
    assert inboxes[0].messages == []


def test_a_url_can_be_looked_at_without_a_message(inboxes, tmp_path):
    urls = read_urls(target(tmp_path, "urls", inboxes[0].url, "nonsense://x"))
    assert [bool(one.why) for one in look_at(urls)] == [False, True]
    assert inboxes[0].messages == []
