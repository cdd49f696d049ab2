"""The picture of a message: what is on the page, or none."""

from datetime import timedelta

import pytest
from matplotlib import image

from agent.charts import Band, Chart, Line, Mark
from agent.notify.delivery import deliver
from agent.notify.picture import draw
from agent.notify.story import Story
from agent.records.plain import to_plain
from tests.make import NOW
from tests.servers.inbox import running_inbox

TIMES = [(NOW + timedelta(seconds=15 * step)).timestamp() for step in range(60)]
CHART = Chart(
    title="free of $/var_$ on db1\x1b[2J",
    unit="ratio",
    query="q",
    times=TIMES,
    lines=[Line("db1", [0.3 - step / 300 if step not in (7, 8) else None for step in range(60)])],
    band=Band(0.25, 0.35, "as it was before"),
    marks=[Mark(NOW + timedelta(minutes=5), "found", "found"), Mark(NOW - timedelta(days=1), "over", "over")],
)


def plain(chart):
    import orjson

    return orjson.loads(orjson.dumps(chart, default=to_plain))


def test_it_shows_line_band_and_moments(tmp_path):
    file = draw(plain(CHART), tmp_path / "chart.png")
    pixels = image.imread(file)[..., :3]
    assert pixels.shape[:2] == (352, 880)
    for color in ((0.12, 0.47, 0.71), (0.75, 0.22, 0.17)):  # the line, the moment of detection
        assert (abs(pixels - color).max(axis=-1) < 0.2).sum() > 100


@pytest.mark.parametrize("chart", [None, plain(Chart(title="t", unit="", query="q", missing="no samples"))])
def test_there_is_none_where_there_is_nothing_to_draw(tmp_path, chart):
    assert draw(chart, tmp_path / "chart.png") is None


def test_it_goes_with_the_message():
    with running_inbox() as inbox:
        story = Story(title="t", body="b", chart=CHART, thread="shop-incident-7", tone="over")
        assert [one.why for one in deliver([inbox.url], story)] == [""]
    (message,) = inbox.messages
    assert message["attachments"][0]["mimetype"] == "image/png"
    assert (message["thread"], message["type"]) == ("shop-incident-7", "success")
