"""``opsmend incident show --html``: the page on where an incident comes from."""

import pytest

from agent.cli.incident import show_incident
from agent.errors import NotFoundError
from agent.investigation.work import Job, work
from agent.records.investigations import Investigation
from agent.store import open_stores
from tests import make
from tests.make import NOW


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "opsmend.yml"
    file.write_text(f"agent: {{state_dir: {tmp_path}, runtime_dir: {tmp_path}}}\n")
    return file


def test_the_page_of_an_incident_draws_where_it_comes_from(config, tmp_path):
    stores = open_stores(tmp_path / "opsmend.db")
    incident = stores.incidents.add(make.incident(), "test")
    page = tmp_path / "page.html"
    with pytest.raises(NotFoundError, match="nothing was found out"):
        show_incident(config, incident.id, page, json=False)
    series = {f'errors{{service="{name}"}}': make.course(0.01, 0.5) for name in ("front", "cart")}
    report = work(Job(observed=make.observations(series, edges=[("front", "cart")])))["report"]
    stores.investigations.keep(Investigation(incident_id=incident.id, at=NOW, report=report))
    show_incident(config, incident.id, page, json=False)
    stores.close()
    assert "<svg" in page.read_text()
    assert "cart (errors)" in page.read_text()
