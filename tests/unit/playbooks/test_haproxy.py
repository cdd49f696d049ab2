"""Which servers may be drained and returned, and which sessions are ended."""

import socketserver
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

HEADER = "# pxname,svname,qcur,scur,slim,status,check_status,"
# as HAProxy 2.6 writes them
SESSIONS = """\
0x55b0: proto=tcpv4 src=10.0.0.9:41000 fe=shop be=web srv=web1 ts=00 epoch=0 age=1m3s calls=2 rate=0 cpu=0
0x55b1: proto=tcpv4 src=10.0.0.9:41001 fe=shop be=web srv=web2 ts=00 epoch=0 age=5s calls=2 rate=0 cpu=0
0x55b2: proto=tcpv4 src=10.0.0.9:41002 fe=shop be=web srv=<none> ts=00 epoch=0 age=2h1m calls=1 rate=0 cpu=0
0x55b3: proto=tcpv4 src=10.0.0.9:41003 fe=shop be=other srv=web1 ts=00 epoch=0 age=3d2h calls=1 rate=0 cpu=0
0x55b4: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s calls=1 rate=0 cpu=0
"""


class _Haproxy(socketserver.StreamRequestHandler):
    def handle(self):
        command = self.rfile.readline().decode().strip()
        self.server.said.append(command)
        self.wfile.write(self.server.answers.get(command, self.server.otherwise).encode() + b"\n")


@contextmanager
def haproxy(folder, *rows, **answers):
    path = str(folder / "admin.sock")
    with socketserver.ThreadingUnixStreamServer(path, _Haproxy) as server:
        server.daemon_threads = True
        server.said, server.otherwise = [], answers.pop("otherwise", "")
        server.answers = {"show stat": "\n".join([HEADER, *rows]), "show sess": SESSIONS}
        server.path = path
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def web(server: str, status: str = "UP", check: str = "L7OK", busy: int = 0, limit: str = "4") -> str:
    return f"web,{server},0,{busy},{limit},{status},{check},"


def backend(queue: int = 0) -> str:
    return f"web,BACKEND,{queue},0,200,UP,,"


@pytest.fixture
def server_module(module):
    return module("haproxy", "haproxy_server")


def change(loaded, running, folder, what, server="web1", share=0.5, check=False):
    """Drain or return a server as the module's main does; return what it says."""
    rows = loaded.haproxy.backend(running.path, "web")[1]
    row = next(one for one in rows if one["svname"] == server)
    params = {"proxy": "web", "server": server, "marks": str(folder / "marks"), "healthy_share": share}
    asked = SimpleNamespace(params=params, check_mode=check)
    mark = str(folder / "marks" / f"web@{server}")
    if what == "drain":
        return loaded.drain(asked, running.path, mark, row, [one for one in rows if one is not row])
    return loaded.give_back(asked, running.path, mark, row)


def test_a_server_is_drained_and_the_host_remembers_who_did_it(server_module, tmp_path):
    with haproxy(tmp_path, web("web1"), web("web2"), backend()) as running:
        assert change(server_module, running, tmp_path, "drain")[0]
        assert running.said[-1] == "set server web/web1 state drain"
    assert [file.name for file in (tmp_path / "marks").iterdir()] == ["web@web1"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([web("web1"), backend()], "only 0 of 1"),
        ([web("web1"), web("web2", "DOWN", "L4CON"), backend()], "only 0 of 2"),
        ([web("web1"), web("web2"), web("web3", "DOWN"), web("web4", "MAINT"), backend()], "only 1 of 4"),
    ],
)
def test_a_server_is_kept_when_too_few_would_be_left(server_module, tmp_path, rows, says):
    with haproxy(tmp_path, *rows) as running:
        with pytest.raises(server_module.haproxy.HaproxyError, match=says):
            change(server_module, running, tmp_path, "drain")
        assert running.said == ["show stat"]


def test_one_at_a_time_is_drained(server_module, tmp_path):
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "web@web2").touch()
    rows = [web("web1"), web("web2", "DRAIN"), web("web3"), web("web4"), backend()]
    with haproxy(tmp_path, *rows) as running:
        with pytest.raises(server_module.haproxy.HaproxyError, match="web2 is drained already"):
            change(server_module, running, tmp_path, "drain")


def test_what_haproxy_refuses_leaves_no_mark(server_module, tmp_path):
    with haproxy(tmp_path, web("web1"), web("web2"), backend(), otherwise="No such server.") as running:
        with pytest.raises(server_module.haproxy.HaproxyError, match="No such server"):
            change(server_module, running, tmp_path, "drain")
    assert list((tmp_path / "marks").iterdir()) == []


def test_check_mode_changes_nothing(server_module, tmp_path):
    with haproxy(tmp_path, web("web1"), web("web2"), backend()) as running:
        assert change(server_module, running, tmp_path, "drain", check=True)[0]
        assert running.said == ["show stat"]
    assert not (tmp_path / "marks").exists()


def test_a_server_that_somebody_else_drained_is_left_to_them(server_module, tmp_path):
    with haproxy(tmp_path, web("web1", "DRAIN"), web("web2"), backend()) as running:
        assert change(server_module, running, tmp_path, "return") == (
            False,
            "web1 was not drained by opsmend",
        )


def test_a_server_that_fails_its_check_is_not_returned(server_module, tmp_path):
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "web@web1").touch()
    with haproxy(tmp_path, web("web1", "DRAIN", "L7STS"), web("web2"), backend()) as running:
        with pytest.raises(server_module.haproxy.HaproxyError, match="still fails its health check: L7STS"):
            change(server_module, running, tmp_path, "return")
    assert (tmp_path / "marks" / "web@web1").exists()


def test_the_sessions_of_a_backend_are_those_a_server_is_busy_with(module, tmp_path):
    loaded = module("haproxy", "haproxy_sessions")
    with haproxy(tmp_path) as running:
        held = loaded.haproxy.sessions(running.path, "web")
    assert [(one["id"], one["server"], one["age"]) for one in held] == [
        ("0x55b0", "web1", 63),
        ("0x55b1", "web2", 5),
    ]


def test_the_oldest_sessions_end_first_and_the_young_never(module):
    loaded = module("haproxy", "haproxy_sessions")
    held = [{"id": str(age), "age": age} for age in (5, 40, 300, 35, 31)]
    assert [one["age"] for one in loaded.choose(held, 8, 8, 0.75, 30)] == [300, 40]
    assert [one["age"] for one in loaded.choose(held, 8, 8, 0.0, 30)] == [300, 40, 35, 31]
    assert loaded.choose(held, 3, 8, 0.5, 30) == []


def test_a_haproxy_that_is_not_there_is_said_to_be(server_module, tmp_path):
    with pytest.raises(server_module.haproxy.HaproxyError, match="does not answer at"):
        server_module.haproxy.ask(str(tmp_path / "none.sock"), "show stat")
