"""The agent's own trouble reaches people by a way that is left."""

from agent.config.notify import NotifyTarget
from agent.notify.own_trouble import OwnTrouble, OwnTroubleMessages
from tests.make import NOW
from tests.servers.inbox import running_inbox

TROUBLE = OwnTrouble(what="store", why="the disk is full", since=NOW)


def target(folder, name, url):
    file = folder / name
    file.write_text(url + "\n")
    return NotifyTarget(url_file=file)


def test_a_target_that_does_not_take_it_is_followed_by_the_next(tmp_path):
    with running_inbox() as pager, running_inbox() as chat:
        targets = {"pager": target(tmp_path, "p", pager.url), "chat": target(tmp_path, "c", chat.url)}
        messages = OwnTroubleMessages("agent", lambda: targets, lambda: ["pager"], list)
        assert messages.tell(TROUBLE, NOW)
        assert (pager.titles(), chat.titles()) == (["[agent] I am in trouble: store"], [])
        pager.refusing = True
        assert messages.tell(TROUBLE, NOW)
        assert chat.titles() == ["[agent] I am in trouble: store"]
        assert "the disk is full" in chat.messages[0]["message"]


def test_where_nobody_takes_it_that_is_said(tmp_path):
    targets = {"gone": NotifyTarget(url_file=tmp_path / "missing")}
    assert not OwnTroubleMessages("agent", lambda: targets, lambda: ["gone"], list).tell(TROUBLE, NOW)
