"""A file is foretold row by row, and no row knows a later one."""

from datetime import timedelta

import numpy as np

from agent.collect.metricsfile import read_metrics
from agent.predict.limits import left_of
from agent.predict.replay import EXHAUSTED, PredictionReplay


def write(tmp_path, columns, step_s=60):
    file = tmp_path / "metrics.csv"
    rows = zip(*columns.values(), strict=True)
    quoted = ['"' + name.replace('"', '""') + '"' for name in columns]
    lines = [",".join(["timestamp", *quoted])]
    lines += [",".join([str(1_700_000_000 + step_s * n), *map(str, row)]) for n, row in enumerate(rows)]
    file.write_text("\n".join(lines) + "\n")
    return read_metrics(file).frame


def run(frame):
    return [{one.entity: one for one in row} for row in PredictionReplay(frame, timedelta(hours=2)).run()]


def disk(minutes=200, bend=60):
    return [90.0 - 0.5 * max(0, n - bend) + 0.05 * (n % 2) for n in range(minutes)]


def test_a_disk_that_fills_is_told_with_what_is_left(tmp_path):
    found = run(write(tmp_path, {'disk_free_bytes{instance="a"}': disk()}))
    last = found[-1]["a"]
    assert (last.fault, last.alarm) == (EXHAUSTED, True)
    assert abs(last.left.total_seconds() / 60 - 41) < 8


def test_no_row_knows_a_later_one(tmp_path):
    whole = run(write(tmp_path, {'disk_free_bytes{instance="a"}': disk()}))
    part = run(write(tmp_path, {'disk_free_bytes{instance="a"}': disk()[:150]}))
    assert part == whole[:150]


def test_what_fills_after_its_start_has_an_hour(tmp_path):
    found = run(write(tmp_path, {'disk_free_bytes{instance="a"}': disk(minutes=55, bend=0)}))
    assert not any(row["a"].alarm for row in found)


def test_a_rotated_log_is_no_end(tmp_path):
    saw = [90.0 - 1.4 * (n % 60) for n in range(300)]
    found = run(write(tmp_path, {'disk_free_bytes{instance="a"}': saw}))
    assert not any(row["a"].alarm for row in found[120:])


def test_rows_of_five_seconds_say_no_more_than_rows_of_a_minute(tmp_path):
    rng = np.random.default_rng(1)
    columns = {
        f'm{metric}{{instance="h{host}"}}': (10 + rng.normal(0, 1, 400)).round(3)
        for host in range(6)
        for metric in range(5)
    }
    for metric in range(5):
        columns[f'm{metric}{{instance="h0"}}'][380:] += 50  # 100 s: nothing lasts so far
    assert not any(one.alarm for row in run(write(tmp_path, columns, 5)) for one in row.values())


def test_names_that_do_not_tell_are_not_believed():
    values = np.array([1.0])
    assert left_of("requests_total", values) is None
    assert left_of("system_memory_free", values) is None  # the page cache is in it
    assert left_of("system_memory_actual_free", values) is values
    assert left_of("disk_used_ratio", values) == 0.0
    assert left_of("disk_used_bytes", values) is None
