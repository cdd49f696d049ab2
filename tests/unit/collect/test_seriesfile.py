"""Which entity a series of a file belongs to."""

import pytest

from agent.collect.seriesfile import read_series


@pytest.mark.parametrize(
    ("column", "known", "entity"),
    [
        ('up{service="cart",pod="cart-1"}', {"cart-1"}, "cart"),
        ('up{instance="web1:9100",pod="cart-1"}', set(), "web1:9100"),
        ('up{pod="cart-1",node="n1"}', set(), "cart-1"),
        ('up{pod="cart-1",app="cart"}', {"cart"}, "cart"),
        ('istio_requests_total{destination_workload="cart"}', set(), "cart"),
        ('http_server_duration_count{service_name="cart"}', set(), "cart"),
        ('jvm_memory_used_bytes{application="cart"}', set(), "cart"),
        ("cart_cpu", set(), "cart_cpu"),
    ],
)
def test_labels_of_many_ecosystems_name_the_entity(tmp_path, column, known, entity):
    file = tmp_path / "metrics.csv"
    file.write_text('timestamp,"' + column.replace('"', '""') + '"\n1,2\n')
    assert read_series(file, known=known)[0].entities == [entity]


def test_a_label_that_is_asked_for_is_the_only_one_that_counts(tmp_path):
    file = tmp_path / "metrics.csv"
    file.write_text('timestamp,"up{service=""cart"",zone=""a""}"\n1,2\n')
    assert read_series(file, "zone")[0].entities == ["a"]


@pytest.mark.parametrize("name", ["cart-7d9f8c6b5-{}x4zp", "cart-{}"])
def test_replicas_of_one_workload_are_one_entity(tmp_path, name):
    columns = [f'cpu{{pod="{name.format(n)}",instance="10.0.0.{n}:80"}}' for n in (2, 4)]
    file = tmp_path / "metrics.csv"
    file.write_text(
        "timestamp," + ",".join(f'"{one.replace(chr(34), chr(34) * 2)}"' for one in columns) + "\n1,2,3\n"
    )
    assert read_series(file)[0].entities == ["cart", "cart"]
