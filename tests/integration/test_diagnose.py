"""``opsmend diagnose``: one folder in, one report out, whatever is wrong with the folder."""

import gzip
import json
import shutil

import pytest
import yaml
from typer.testing import CliRunner

from agent.cli.main import app
from agent.errors import ConfigError
from tests.bench.systems import EPOCH, STEP_S, make_case
from tests.make import course

COLUMNS = {"root_causes", "diagnosis", "graph", "patterns", "remediations"}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "incident"
    make_case(place, seed=3, size=8, fault="cpu")
    return place


def diagnose(folder, *options):
    output = folder.parent / "report.json"
    result = CliRunner().invoke(app, ["diagnose", str(folder), "--output", str(output), *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return json.loads(output.read_text()), result.output


def log_line(at, service, message):
    return json.dumps({"timestamp": at, "service": service, "level": "ERROR", "message": message})


def truth(folder):
    return json.loads((folder / "truth.json").read_text())["root_cause"]


def write_metrics(folder, series):
    folder.mkdir(exist_ok=True)
    length = len(next(iter(series.values())))
    head = ",".join(["timestamp", *('"' + name.replace('"', '""') + '"' for name in series)])
    rows = (
        ",".join([str(1000 + 60 * i), *(str(values[i]) for values in series.values())]) for i in range(length)
    )
    (folder / "metrics.csv").write_text("\n".join([head, *rows]) + "\n")


def test_the_report_has_the_fixed_keys_and_names_the_cause_first(folder):
    report, printed = diagnose(folder)
    assert report.keys() >= COLUMNS
    assert report["root_causes"][0].keys() >= {"entity", "score", "evidence"}
    assert report["root_causes"][0]["entity"] == truth(folder)
    assert report["diagnosis"][0].keys() >= {"fault", "entity", "confidence", "voters", "evidence"}
    assert truth(folder) in printed.splitlines()[0]


def test_without_topology_logs_and_events_the_metrics_alone_are_enough(folder):
    for name in ("topology.json", "logs.jsonl", "events.jsonl", "incident.json"):
        (folder / name).unlink()
    report, _ = diagnose(folder)
    assert report["root_causes"][0]["entity"] == truth(folder)


def test_packed_files_say_the_same(folder):
    plain, _ = diagnose(folder)
    for name in ("metrics.csv", "logs.jsonl"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    packed, _ = diagnose(folder)
    assert packed["root_causes"] == plain["root_causes"]


def test_the_page_shows_texts_from_logs_as_text(folder):
    (folder / "events.jsonl").write_text(
        json.dumps({"timestamp": EPOCH + 60 * STEP_S, "kind": "deploy", "service": truth(folder),
                    "message": "<script>alert(1)</script>"}) + "\n"
    )  # fmt: skip
    page = folder.parent / "report.html"
    diagnose(folder, "--html", str(page))
    assert "<script" not in page.read_text()
    assert "<svg" in page.read_text()


def test_log_lines_out_of_order_change_nothing_but_a_note(folder):
    before, _ = diagnose(folder)
    lines = (folder / "logs.jsonl").read_text().splitlines()
    (folder / "logs.jsonl").write_text("\n".join(reversed(lines)))
    after, _ = diagnose(folder)
    assert [one["entity"] for one in after["root_causes"]] == [one["entity"] for one in before["root_causes"]]
    assert any("out of order" in note for note in after["notes"])
    assert after["root_causes"][0]["score"] <= before["root_causes"][0]["score"]


def test_lines_of_a_megabyte_in_another_encoding_and_broken_ones_are_survived(folder):
    at = EPOCH + 100 * STEP_S
    with (folder / "logs.jsonl").open("ab") as stream:
        stream.write(
            json.dumps({"timestamp": at, "service": "a", "level": "ERROR", "message": "x" * 10**6}).encode()
        )
        stream.write(
            b'\n{"timestamp": %d, "service": "a", "level": "ERROR", "message": "gr\xfc\xdfe"}\n' % at
        )
        stream.write(b"\x00\xff\xfe{]\n[]\n{}\n" + b'{"timestamp": "yesterday"}\n')
    report, _ = diagnose(folder)
    assert report["root_causes"][0]["entity"] == truth(folder)
    assert any("could not be read" in note for note in report["notes"])


@pytest.mark.parametrize("skew", [-120, 120])
def test_logs_whose_clock_is_two_minutes_off_do_not_mislead(folder, skew):
    rows = [json.loads(line) for line in (folder / "logs.jsonl").read_text().splitlines()]
    shifted = (json.dumps({**row, "timestamp": row["timestamp"] + skew}) for row in rows)
    (folder / "logs.jsonl").write_text("\n".join(shifted))
    report, _ = diagnose(folder)
    assert report["root_causes"][0]["entity"] == truth(folder)


def test_a_topology_with_cycles_and_self_loops_is_walked_to_an_end(folder):
    topology = json.loads((folder / "topology.json").read_text())
    names = topology["nodes"]
    topology["edges"] += [{"from": name, "to": name} for name in names]
    topology["edges"] += [{"from": edge["to"], "to": edge["from"]} for edge in topology["edges"][:20]]
    (folder / "topology.json").write_text(json.dumps(topology))
    report, _ = diagnose(folder)
    assert truth(folder) in [one["entity"] for one in report["root_causes"][:3]]


def test_an_entity_that_only_logs_know_can_be_the_cause(tmp_path):
    place = tmp_path / "incident"
    write_metrics(place, {'error_ratio{service="front"}': course(0.01, 0.4)})
    rows = [
        {"timestamp": 1000 + 60 * i, "service": "ghost", "level": "ERROR", "message": f"panic {i}"}
        for i in range(30, 60)
    ]
    rows += [
        {"timestamp": 1000 + 60 * i, "service": "front", "level": "ERROR", "message": "ghost failed"}
        for i in range(30, 60)
    ]
    (place / "logs.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    report, _ = diagnose(place)
    assert report["root_causes"][0]["entity"] == "ghost"


def test_an_event_flood_is_no_evidence(folder):
    flood = (
        {"timestamp": EPOCH + i, "kind": "deploy", "service": f"other-{i % 50}", "message": "m"}
        for i in range(20_000)
    )
    (folder / "events.jsonl").write_text("\n".join(json.dumps(event) for event in flood))
    report, _ = diagnose(folder)
    assert report["root_causes"][0]["entity"] == truth(folder)


def test_an_empty_baseline_is_told_and_lowers_the_score(folder):
    before, _ = diagnose(folder)
    head = (folder / "metrics.csv").read_text().splitlines()[0]
    (folder / "baseline.csv").write_text(head + "\n")
    after, _ = diagnose(folder)
    assert any("baseline is empty" in note for note in after["notes"])
    assert after["root_causes"][0]["score"] < before["root_causes"][0]["score"]


def test_nothing_that_deviates_gives_no_confident_guess(tmp_path):
    place = tmp_path / "incident"
    write_metrics(place, {f'latency{{service="s{i}"}}': course(1 + i / 10, 1 + i / 10) for i in range(5)})
    (place / "incident.json").write_text('{"detected_at": 3000, "symptom": null}')
    report, _ = diagnose(place)
    assert all(one["score"] < 0.3 for one in report["root_causes"])
    assert all(one["confidence"] < 0.3 for one in report["diagnosis"])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("metrics.csv", "", "first column"),
        ("metrics.csv", "time,a\n1,2\n", "first column"),
        ("metrics.csv", "timestamp,a\n1,2,3\n", "3 cells instead of 2"),
        ("metrics.csv", "timestamp,a\n1,two\n", "'two' is no number"),
        ("metrics.csv", "timestamp,a\nnoon,2\n", "'noon' is no time"),
        ("metrics.csv", "timestamp,a,a\n1,2,3\n", "two columns"),
        ("metrics.csv", 'timestamp,"a{b=c}"\n1,2\n', "no series name"),
        ("topology.json", "{", "no JSON"),
        ("topology.json", "[]", "must be an object"),
        ("topology.json", '{"edges": [{"from": "a"}]}', "'from' and 'to'"),
        ("incident.json", '{"detected_at": "soon"}', "no time"),
        ("logs.jsonl", "nothing\nof use\n", "has no line"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(folder, name, content, words):
    (folder / name).write_text(content)
    with pytest.raises(ConfigError, match=words) as raised:
        diagnose(folder)
    assert name in str(raised.value)


def test_a_folder_without_metrics_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="neither"):
        diagnose(tmp_path)


def test_rows_that_all_carry_one_timestamp_are_read_in_their_order(folder):
    lines = (folder / "metrics.csv").read_text().splitlines()
    same = [lines[0], *("1," + line.partition(",")[2] for line in lines[1:])]
    (folder / "metrics.csv").write_text("\n".join(same))
    report, _ = diagnose(folder)
    assert truth(folder) in [one["entity"] for one in report["root_causes"][:3]]
    assert any("same timestamp" in note for note in report["notes"])


def test_a_case_book_that_contradicts_itself_lowers_the_confidence_and_is_told(folder, root, tmp_path):
    """A stock case written down a second time as another fault."""
    plain, _ = diagnose(folder)
    own = tmp_path / "own"
    shutil.copytree(root / "rules", own / "rules")
    (own / "playbooks").mkdir()
    nearest = plain["similar_cases"][0]
    stock = yaml.safe_load((own / "rules" / "cases" / "stock.yml").read_text())
    twin = next(dict(one) for one in stock["cases"] if one["id"] == nearest["case"])
    twin |= {"id": "twin", "fault": "certificate_expiring", "helped": []}
    (own / "rules" / "cases" / "twin.yml").write_text(yaml.safe_dump({"cases": [twin]}))
    doubted, _ = diagnose(folder, "--definitions", str(own))
    assert any("contradict each other" in note for note in doubted["notes"])
    by_case = [one["diagnosis"][0]["confidence"] for one in (doubted, plain)]
    assert by_case[0] < by_case[1]


def test_events_whose_clock_is_two_minutes_fast_still_count_as_right_before(folder):
    at = EPOCH + 60 * STEP_S
    event = {"timestamp": at + 110, "kind": "deploy", "service": truth(folder), "message": "v2"}
    (folder / "events.jsonl").write_text(json.dumps(event) + "\n")
    report, _ = diagnose(folder)
    assert report["root_causes"][0]["entity"] == truth(folder)
