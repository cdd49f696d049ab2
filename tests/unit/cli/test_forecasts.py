"""What people and programs are told of hosts of which too little is seen."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
import yaml

from agent.cli.forecasts import list_forecasts
from agent.config import load_settings
from agent.records.failures import FailureWord
from agent.store import open_stores
from tests.make import NOW

SIX_HOURS = timedelta(hours=6)


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "opsmend.yml"
    file.write_text(yaml.safe_dump({"agent": {"state_dir": "state"}}))
    settings = load_settings(file, {})
    settings.database.parent.mkdir()
    stores = open_stores(settings.database)
    words = [
        FailureWord(host=host, horizon=SIX_HOURS, probability=0.4, base=0.02, training="t", at=NOW)
        for host in ("web1", "web2")
    ]
    stores.failures.keep(words, [], [], datetime.now(UTC), {("web2", SIX_HOURS), ("web3", SIX_HOURS)})
    stores.close()
    return file


def test_of_hosts_that_are_not_seen_no_probability_is_told(config, capsys):
    list_forecasts(config, json=False)
    told = capsys.readouterr().out
    assert "web1 within 6 h: 40%" in told
    assert "web2 within" not in told
    assert "not known of web2, web3" in told


def test_programs_get_no_number_for_them(config, capsys):
    list_forecasts(config, json=True)
    told = orjson.loads(capsys.readouterr().out)
    assert {one["host"]: one["now"] for one in told["failures"]} == {"web1": 0.4, "web2": None}
    assert told["not_known"] == ["web2", "web3"]
