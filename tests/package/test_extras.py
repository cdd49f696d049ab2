"""Extras as packages of their own: asked for by name where one is missing, installed, used once, removed."""

import os
import shutil

import pytest
import yaml

from tests.package.site import install, running_ops_host, wait

pytestmark = pytest.mark.package

CONFIG = "/etc/opsmend/opsmend.yml"
PYTHON = "/opt/opsmend/bin/python3"
EXTRAS = ("deep", "kafka")
# librdkafka brings a broker for tests, which speaks the protocol over a socket
BROKER = """
import time
from confluent_kafka import Producer

producer = Producer({"test.mock.num.brokers": 1})
for number in range(3):
    producer.produce("events", f"message {number}")
producer.flush(30)
(broker,) = producer.list_topics(timeout=10).brokers.values()
with open("/run/broker", "w") as file:
    file.write(f"{broker.host}:{broker.port}")
time.sleep(600)
"""
RECURRENT = """
import numpy as np
from agent.detect.models.catalog import available, make_member

assert available(["lstm"]) == (["lstm"], "")
rows = np.tile(np.sin(np.arange(400) / 5.0), (3, 1)).T
usual = make_member("lstm").fit(rows)
assert usual.decision_function(np.zeros_like(rows)).mean() > 2 * usual.decision_function(rows).mean()
print("learned")
"""


@pytest.fixture(scope="module")
def ops(packages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("extras")
    files = folder / "packages"
    files.mkdir()
    for file in packages.glob("*.deb"):
        shutil.copy(file, files)
    with running_ops_host(f"opsmend-extras-{os.getpid()}", folder / "hosts", files) as made:
        made.ops.run("apt-get", "update", "-q", timeout_s=300)
        install(made, "opsmend_*.deb")
        yield made


def set_brokers(ops, brokers):
    config = yaml.safe_load(ops.ops.run("cat", CONFIG))
    config["collect"]["kafka"] = {"brokers": [brokers], "topic": "events"}
    ops.ops.write(CONFIG, yaml.safe_dump(config))


def test_where_an_extra_is_missing_its_package_is_named(ops):
    set_brokers(ops, "127.0.0.1:1")
    assert "it is the package opsmend-kafka" in ops.opsmend("check", code=6)


def test_extras_are_installed_beside_the_core(ops):
    install(ops, *(f"opsmend-{extra}_*.deb" for extra in EXTRAS))
    for name in ("opsmend", *(f"opsmend-{extra}" for extra in EXTRAS)):
        size = int(ops.ops.run("dpkg-query", "-W", "-f", "${Installed-Size}", name))
        print(f"{name}: {size / 1024:.0f} MB")
    assert ops.opsmend("--version").startswith("opsmend ")


def test_the_topic_of_a_broker_is_looked_at(ops):
    ops.ops.run("systemd-run", "--unit=broker", PYTHON, "-c", BROKER)
    address = wait(lambda: ops.ops.run("cat", "/run/broker").strip(), 60)
    set_brokers(ops, address)
    assert "3 messages wait for group" in ops.opsmend("check", code=6)
    ops.ops.run("systemctl", "stop", "broker")


def test_the_recurrent_model_learns(ops):
    assert "learned" in ops.on_ops(PYTHON, "-c", RECURRENT)


def test_removed_they_leave_the_core_as_it_was(ops):
    names = " ".join(f"opsmend-{extra}" for extra in EXTRAS)
    ops.ops.run("sh", "-c", f"DEBIAN_FRONTEND=noninteractive apt-get purge -qy {names}", timeout_s=300)
    libraries = ops.ops.run("sh", "-c", "ls /opt/opsmend/lib/python3.11/site-packages").split()
    assert [one for one in libraries if one.startswith(("confluent_kafka", "jax", "optax"))] == []
    assert "opsmend-kafka" in ops.opsmend("check", code=6)
