"""When a Redis replica takes over, whom it follows, and when it had better do nothing."""

import socketserver
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

LOST = {
    "role": "slave",
    "master_link_status": "down",
    "master_host": "127.0.0.1",
    "slave_repl_offset": "100",
}


class _Redis(socketserver.StreamRequestHandler):
    """As much of Redis as failing over asks for."""

    def handle(self):
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2].decode())
            self.server.said.append(words)
            self.wfile.write(self.answer([word.upper() for word in words]))

    def answer(self, words):
        state = self.server.state
        if words[:2] == ["INFO", "SERVER"]:
            text = f"redis_mode:{state.get('mode', 'standalone')}\r\n"
        elif words[0] == "INFO":
            text = "# Replication\r\n" + "".join(f"{name}:{value}\r\n" for name, value in state.items())
        elif words[0] == "PUBSUB":
            return b"*2\r\n$1\r\nx\r\n:%d\r\n" % state.get("sentinels", 0)
        else:
            return b"-ERR no config file\r\n" if words[0] == "CONFIG" and state.get("bare") else b"+OK\r\n"
        return b"$%d\r\n%s\r\n" % (len(text), text.encode())


@contextmanager
def redis(**state):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Redis) as server:
        server.daemon_threads = True
        server.state, server.said = state, []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def port(server) -> int:
    return server.server_address[1]


def place(server) -> str:
    return f"127.0.0.1:{port(server)}"


@pytest.fixture
def failover(module, monkeypatch):
    """Fail over at a replica, with everything gone that is not served here."""
    loaded = module("redis", "redis_failover")
    monkeypatch.setattr(loaded, "_TIMEOUT_S", 0.5)

    def run(replica, peers=(), check=False, gone=True, **params):
        given = {
            "name": "db2",
            "port": port(replica),
            "password": "",
            "peers": list(peers),
            "refused_is_gone": gone,
        }
        return loaded.fail_over(SimpleNamespace(params={**given, **params}, check_mode=check))

    run.error = loaded.RedisError
    return run


def orders(server) -> list[list[str]]:
    return [words for words in server.said if words[0] in ("REPLICAOF", "CONFIG")]


def test_a_replica_whose_primary_is_gone_takes_over_and_keeps_that(failover):
    with redis(**LOST, master_port=1) as replica:
        assert failover(replica) == (True, "takes over from 127.0.0.1:1")
        assert orders(replica) == [["REPLICAOF", "NO", "ONE"], ["CONFIG", "REWRITE"]]


def test_check_mode_orders_nothing(failover):
    with redis(**LOST, master_port=1) as replica:
        assert failover(replica, check=True)[0]
        assert orders(replica) == []


@pytest.mark.parametrize(
    "state", [{"role": "master"}, {"role": "slave", "master_link_status": "up"}], ids=["primary", "linked"]
)
def test_where_nothing_is_lost_nothing_is_done(failover, state):
    with redis(**state) as replica:
        assert failover(replica)[0] is False
        assert orders(replica) == []


def test_a_role_that_cannot_be_kept_is_told(failover):
    with redis(**LOST, master_port=1, bare=True) as replica:
        assert "only until it is restarted" in failover(replica)[1]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"mode": "cluster"}, "part of a cluster"),
        ({"sentinels": 2}, "Sentinel watches"),
        ({"slave_repl_offset": "0"}, "never had data"),
    ],
)
def test_it_refuses_where_others_decide_or_nothing_is_to_be_saved(failover, more, says):
    with redis(**{**LOST, "master_port": 1, **more}) as replica:
        with pytest.raises(failover.error, match=says):
            failover(replica)
        assert orders(replica) == []


def test_it_refuses_while_anything_answers_at_the_primarys_address(failover):
    with redis(role="master") as primary, redis(**LOST, master_port=port(primary)) as replica:
        with pytest.raises(failover.error, match="is alive"):
            failover(replica)


def test_a_host_that_refuses_connections_is_alive_unless_one_says_otherwise(failover):
    with redis(**LOST, master_port=1) as replica, pytest.raises(failover.error, match="is alive"):
        failover(replica, gone=False)


def test_it_follows_the_one_that_has_taken_over(failover):
    with redis(role="master") as new, redis(**LOST, master_port=1) as replica:
        assert failover(replica, [place(new)]) == (True, f"follows {place(new)}")
        assert orders(replica)[0] == ["REPLICAOF", "127.0.0.1", str(port(new))]


def test_it_refuses_while_another_replica_is_connected_to_the_primary(failover):
    linked = {**LOST, "master_link_status": "up", "master_port": 1}
    with redis(**linked) as other, redis(**LOST, master_port=1) as replica:
        with pytest.raises(failover.error, match="only the way from here to it is cut"):
            failover(replica, [place(other)], name="a")
        assert orders(replica) == []


def test_it_leaves_it_to_the_one_with_newer_data(failover):
    newer = {**LOST, "slave_repl_offset": "101", "master_port": 1}
    with redis(**newer) as other, redis(**LOST, master_port=1) as replica:
        with pytest.raises(failover.error, match="has data at least as new"):
            failover(replica, [place(other)])


def test_of_two_with_the_same_data_exactly_one_takes_over(failover):
    with redis(**LOST, master_port=1) as one, redis(**LOST, master_port=1) as other:
        names = sorted([place(one), place(other)])
        servers = {place(one): one, place(other): other}
        first, last = (servers[name] for name in names)
        assert failover(first, [names[1]], name=names[0])[0]
        with pytest.raises(failover.error, match="has to take over"):
            failover(last, [names[0]], name=names[1])


def test_it_refuses_when_it_may_be_cut_off_itself(failover):
    with redis(**LOST, master_port=1) as replica, pytest.raises(failover.error, match="only 0 of 3 peers"):
        failover(replica, ["127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4"])


def test_it_chooses_between_two_new_primaries_neither(failover):
    with redis(role="master") as one, redis(role="master") as two, redis(**LOST, master_port=1) as replica:
        with pytest.raises(failover.error, match="several primaries"):
            failover(replica, [place(one), place(two)])


def test_a_password_is_one_word_whatever_it_holds(failover):
    with redis(**LOST, master_port=1) as replica:
        failover(replica, password="x\r\nFLUSHALL\r\n")
        assert ["FLUSHALL"] not in replica.said
