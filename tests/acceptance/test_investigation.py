"""An incident on a real host: its own answers over ssh stand beside what its metrics say."""

import os
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from agent.cli.main import app
from agent.clock import SystemClock
from agent.config.rulefiles import Fault, Rulebook
from agent.config.settings import ProbesSection
from agent.demo.hosts import Cluster
from agent.demo.image import node_image
from agent.diagnose.naming.voters import VoterWeights
from agent.investigation.investigator import Investigator
from agent.investigation.voter import InvestigationVoter
from agent.records import IncidentState, Topology
from agent.remediate import HostQuestions
from agent.store import open_stores
from tests import make
from tests.operator.hosts import HostSite
from tests.servers.process import wait_until

pytestmark = pytest.mark.cluster
BOOK = Rulebook(
    {"free": make.signal("free", role="saturation", bad="low")}, {"x": Fault(id="x", summary="s")}, {}
)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    name = f"opsmend-investigation-{os.getpid()}"
    with Cluster(name, tmp_path_factory.mktemp("investigation"), node_image(print)) as made:
        made.start(["web1"])
        made.hosts["web1"].run(
            "sh", "-c", "systemd-run --unit=broken sh -c 'echo fatal: no luck; exit 3' 2>/dev/null; sleep 1"
        )
        yield made


@pytest.fixture
def look(host, tmp_path):
    """Open an incident on the host, look into it, and return what ``incident show`` says of it."""
    (tmp_path / "opsmend.yml").write_text(f"agent: {{state_dir: {tmp_path}, runtime_dir: {tmp_path}}}\n")
    (tmp_path / "site").mkdir()
    site = HostSite(tmp_path / "site", host)
    stores = open_stores(tmp_path / "opsmend.db")
    clock = SystemClock()

    def looked(probes):
        investigator = Investigator(
            stores=stores, book=lambda: BOOK, cases=list, weights=VoterWeights, inventory=site.inventory,
            questions=lambda: HostQuestions(folder=site.folder / "run", config=site.configs.current()),
            probes=probes, classifier="", hypotheses=InvestigationVoter(), repairs_at_work=lambda: False,
            clock=clock,
        )  # fmt: skip
        since = make.NOW - timedelta(seconds=150)
        labels = {"host": "web1", "unit": "broken.service"}
        found = make.candidate(labels=labels, symptoms=(make.symptom("free", since=since),))
        incident = stores.incidents.add(make.incident(found, state=IncidentState.HELD), "test")
        frame = make.frame({("free", "host=web1"): [0.5] * 30 + [0.01] * 10})
        investigator.look_into(incident, frame, Topology())
        wait_until(lambda: investigator.idle, 120)
        investigator.stop()
        shown = CliRunner().invoke(
            app, ["incident", "show", str(incident.id), "--all", "-c", str(tmp_path / "opsmend.yml")]
        )
        return shown.output

    yield looked
    stores.close()


def test_what_the_host_says_is_shown_with_the_incident(look):
    shown = look(ProbesSection(timeout=timedelta(seconds=60)))
    assert "it comes from web1" in shown
    assert "free of web1 fell from 0.5 to 0.01" in shown
    assert "web1 says: the unit is failed (exit-code, exit status 3)" in shown, shown
    assert "no luck" in shown


def test_no_host_is_asked_when_probes_are_switched_off(look):
    shown = look(ProbesSection(enabled=False))
    assert "it comes from web1" in shown
    assert "web1 says" not in shown
