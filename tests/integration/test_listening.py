"""The port as the agent opens it: with TLS elsewhere than here, behind a reverse proxy, or not at all."""

import socket
from contextlib import contextmanager

import pytest
import requests

from agent.web.server import start_servers
from tests.servers.certificates import make_certificates
from tests.web.gallery import Gallery

SECRET = "only-the-proxy-knows-this"


@contextmanager
def opened(gallery, any_token):
    """Open what the settings want; yields what was complained about."""
    complaints = {}
    servers = start_servers(gallery.app(), gallery.settings, complaints.__setitem__, any_token)
    try:
        yield complaints
    finally:
        for server in servers:
            server.stop()


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def make(tmp_path, port):
    made = []

    def gallery(**api):
        made.append(Gallery(tmp_path, **api))
        return made[-1]

    yield gallery
    for one in made:
        one.stores.close()


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_it_opens_to_other_machines_with_tls_and_a_token(make, port, certificates):
    tls = {"cert_file": str(certificates / "good.crt"), "key_file": str(certificates / "good.key")}
    gallery = make(listen=f"0.0.0.0:{port}", tls=tls)
    with opened(gallery, lambda: False) as complaints:
        assert not answers(port)
        assert "nobody has a token; 'opsmend tokens new' issues one" in complaints["port"]
        assert (gallery.settings.agent.runtime_dir / "agent.sock").is_socket()  # people here still come in
    with opened(gallery, lambda: gallery.credentials.any_valid(gallery.clock.now())) as complaints:
        assert complaints == {}
        token = {"Authorization": f"Bearer {gallery.tokens['ann']}", "Connection": "close"}
        known = {"verify": str(certificates / "ca.crt"), "timeout": 10}
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/api/v1/incidents", headers=token, timeout=10)
        address = f"https://127.0.0.1:{port}/api/v1/incidents"
        answer = requests.get(address, headers=token, **known)
        assert answer.status_code == 200
        assert "max-age" in answer.headers["strict-transport-security"]
        page = requests.post(
            f"https://127.0.0.1:{port}/sign-in",
            data={"token": gallery.tokens["ann"]},
            headers={"Connection": "close"},
            allow_redirects=False,
            **known,
        )
        assert "Secure" in page.headers["set-cookie"]


CLAIMS = [
    ({"X-Forwarded-User": "lisa", "X-Opsmend-Proxy": SECRET}, 200),
    ({"X-Forwarded-User": "lisa", "X-Opsmend-Proxy": "a-guess-of-some-user"}, 401),
    ({"X-Forwarded-User": "lisa"}, 401),
    ({"X-Opsmend-Proxy": SECRET}, 401),
    ({"X-Forwarded-User": "no name at all", "X-Opsmend-Proxy": SECRET}, 401),
]


def test_a_reverse_proxy_says_who_somebody_is_and_nobody_else_does(make, port, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    proxy = {"addresses": ["127.0.0.1"], "secret_file": str(tmp_path / "secret")}
    gallery = make(listen=f"127.0.0.1:{port}", proxy=proxy)
    incident = gallery.awaiting()
    address = f"http://127.0.0.1:{port}/api/v1/incidents"
    with opened(gallery, lambda: False):
        for headers, status in CLAIMS:
            assert requests.get(address, headers=headers, timeout=10).status_code == status, headers
            # what a browser sends along by itself decides nothing without the proof of our own page
            path = f"{address}/{incident.id}/approve"
            assert requests.post(path, json={}, headers=headers, timeout=10).status_code in (401, 403)
    assert gallery.stores.approvals.newest(incident.id).state == "pending"
