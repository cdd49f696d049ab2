"""Every source, wrong in every way: one clear line that names the source and the setting."""

import contextlib
import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent.collect import PrometheusSource
from agent.collect.search import SearchSource
from agent.config.sources import PrometheusSection, SearchSection
from agent.errors import AnswerError, SourceError, SourceRefused, SourceUnreachable
from tests.servers.certificates import make_certificates

NOW = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


class Server(ThreadingHTTPServer):
    """Answers every request the same way and remembers headers."""

    daemon_threads = True

    def __init__(self, status, body, length, pause_s, headers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.headers = headers
        self.status, self.body, self.length, self.pause_s = status, body, length, pause_s
        self.seen = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        self.server.seen.append(self.headers)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(self.server.length or len(self.server.body)))
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            if self.server.pause_s:
                for byte in self.server.body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(self.server.pause_s)
            else:
                self.wfile.write(self.server.body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def answering(status=200, body=b"{}", length=None, pause_s=0.0, tls=None, headers=None) -> Iterator[Server]:
    server = Server(status, body, length, pause_s, headers or {})
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def ask_prometheus(url, **more):
    section = PrometheusSection(url=url, timeout="500ms", **more)
    source = PrometheusSource(section.url, section.timeout, section)
    try:
        source.query("up")
    finally:
        source.close()


def ask_search(url, **more):
    source = SearchSource(SearchSection(url=url, timeout="500ms", **more))
    try:
        with source.picture() as picture:
            picture.count(NOW, NOW + dt.timedelta(minutes=1))
    finally:
        source.close()


SOURCES = {"collect.prometheus": ask_prometheus, "collect.search": ask_search}
each_source = pytest.mark.parametrize("key", SOURCES)


@each_source
@pytest.mark.parametrize(
    ("status", "error", "setting"),
    [
        (401, SourceRefused, ": give username"),
        (403, SourceRefused, ": give username"),
        (404, SourceRefused, "."),
        (302, SourceRefused, ".url"),
        (429, SourceUnreachable, ""),
        (500, SourceUnreachable, ""),
        (503, SourceUnreachable, ""),
    ],
)
def test_a_bad_status_is_named(key, status, error, setting):
    with answering(status, b'{"error": "so it is"}') as server, pytest.raises(error) as caught:
        SOURCES[key](f"http://127.0.0.1:{server.server_address[1]}")
    assert f"127.0.0.1:{server.server_address[1]} answers {status}: so it is" in str(caught.value)
    assert not setting or f"{key}{setting}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wait", ["1", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_who_asks_to_be_left_alone_is_left_alone_as_long_as_it_says(status, wait):
    if wait == "date":
        wait = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2), usegmt=True)
    with answering(status, headers={"Retry-After": wait}) as server:
        source = SearchSource(SearchSection(url=server.url))
        for _ in range(3):
            with pytest.raises(SourceUnreachable, match=rf"answers {status}.*left alone for [12] s"):
                source.check()
        assert len(server.seen) == 1
        time.sleep(2.1 if "GMT" in wait else 1.1)
        with pytest.raises(SourceUnreachable):
            source.check()
        assert len(server.seen) == 2
        source.close()


@pytest.mark.parametrize("wait", ["", "soon", "-5", "nan", "0", "Thu, 32 Foo 2026 99:00:00 GMT"])
def test_a_wish_to_be_left_alone_that_says_nothing_is_not_heard(wait):
    with answering(429, headers={"Retry-After": wait}) as server:
        source = SearchSource(SearchSection(url=server.url))
        for _ in range(2):
            with pytest.raises(SourceUnreachable, match="answers 429"):
                source.check()
        assert len(server.seen) == 2
        source.close()


@each_source
@pytest.mark.parametrize("body", [b"<html>x</html>", b'{"status": "succ', b"[]", b'"x"', b"null", b"\xff"])
def test_an_answer_of_another_kind_is_named(key, body):
    with answering(200, body) as server, pytest.raises(AnswerError, match="is the URL right"):
        SOURCES[key](server.url)


@each_source
def test_a_truncated_answer_is_named(key):
    broken = pytest.raises(SourceUnreachable, match="breaks off")
    with answering(200, b'{"a": 1', length=5000) as server, broken:
        SOURCES[key](server.url)


@each_source
def test_an_answer_that_drips_is_cut_off_in_time(key):
    began = time.monotonic()
    said = rf"within 0\.5 s \({key}\.timeout\)"
    with answering(200, b" " * 200, pause_s=0.1) as server, pytest.raises(SourceUnreachable, match=said):
        SOURCES[key](server.url)
    assert time.monotonic() - began < 10  # the answer takes 20 s


@each_source
def test_nobody_there_is_named(key):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SourceUnreachable, match=rf"refused \({key}\.url\)"):
        SOURCES[key](f"http://127.0.0.1:{port}")


@each_source
def test_one_who_never_answers_is_named(key):
    said = rf"{key}\.timeout"
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SourceUnreachable, match=said):
        SOURCES[key](f"http://127.0.0.1:{silent.getsockname()[1]}")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("tls"))


def tls(folder, name, clients=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    if clients:
        context.load_verify_locations(folder / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@each_source
@pytest.mark.parametrize(
    ("name", "trusted", "said"), [("expired", True, "expired"), ("good", False, "verify failed")]
)
def test_a_bad_certificate_is_named(key, certificates, name, trusted, said):
    more = {"ca_file": certificates / "ca.crt"} if trusted else {}
    with answering(tls=tls(certificates, name)) as server, pytest.raises(SourceRefused) as caught:
        SOURCES[key](f"https://127.0.0.1:{server.server_address[1]}", **more)
    assert said in str(caught.value)
    assert f"{key}.ca_file" in str(caught.value)


@each_source
def test_a_certificate_of_ours_lets_us_in(key, certificates):
    files = {
        "ca_file": certificates / "ca.crt",
        "cert_file": certificates / "client.crt",
        "key_file": certificates / "client.key",
    }
    with answering(418, tls=tls(certificates, "good", clients=True)) as server:
        with pytest.raises(SourceError, match="418"):
            SOURCES[key](f"https://127.0.0.1:{server.server_address[1]}", **files)
        with pytest.raises(SourceError, match=key):
            SOURCES[key](f"https://127.0.0.1:{server.server_address[1]}", ca_file=files["ca_file"])


@each_source
@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"username": "anna", "password_file": "secret"}, "Basic YW5uYTpvcGVuIHNlc2FtZQ=="),
        ({"token_file": "secret"}, "Bearer open sesame"),
        ({"api_key_file": "secret"}, "ApiKey open sesame"),
    ],
)
def test_credentials_come_from_files_and_new_ones_count_at_once(key, settings, header, tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "secret").write_text("open sesame\n")
    with answering(401) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(SourceRefused, match=rf"{key}\.(password|token|api_key)_file"):
            SOURCES[key](url, **settings)
        assert server.seen[0]["Authorization"] == header
        (tmp_path / "secret").write_text("")
        with pytest.raises(SourceRefused, match="is empty"):
            SOURCES[key](url, **settings)
        (tmp_path / "secret").unlink()
        with pytest.raises(SourceRefused, match="cannot be read"):
            SOURCES[key](url, **settings)


def test_a_secret_never_stands_in_an_error(tmp_path):
    (tmp_path / "secret").write_text("open\nsesame")
    with answering(401) as server, pytest.raises(SourceRefused) as caught:
        ask_search(f"http://127.0.0.1:{server.server_address[1]}", token_file=tmp_path / "secret")
    assert "sesame" not in str(caught.value)


def test_the_tenant_is_told():
    with answering(200) as server, pytest.raises(AnswerError):
        ask_prometheus(f"http://127.0.0.1:{server.server_address[1]}", tenant="shop")
    assert server.seen[0]["X-Scope-OrgID"] == "shop"


def test_a_connection_that_breaks_is_tried_once_more():
    accepted = []

    def hang_up(listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                accepted.append(connection.recv(100))
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        with pytest.raises(SourceUnreachable, match="closes the connection"):
            ask_prometheus(f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert len(accepted) == 2


def drip_header(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


def continue_for_ever(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.02)


def drip_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


@pytest.mark.parametrize("trick", [drip_header, continue_for_ever, drip_body])
def test_nobody_is_waited_for_longer_than_the_time_limit_in_all(trick):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    trick(connection)

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        source = PrometheusSource(url, dt.timedelta(seconds=0.5))
        began = time.monotonic()
        with pytest.raises(SourceUnreachable, match=r"0\.5 s"):
            source.query("up")
        assert time.monotonic() - began < 20  # the tricks never end
        source.close()
        listener.shutdown(socket.SHUT_RDWR)
