"""A metric's name tells what it measures."""

import pytest

from agent.diagnose.cause.roles import MetricRole, bad_direction, is_share, role_of


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("http_requests_failed_total", MetricRole.ERRORS),
        ("http_server_duration_p99_ms", MetricRole.LATENCY),
        ("latencyAverage", MetricRole.LATENCY),
        ("container_cpu_usage_seconds_total", MetricRole.SATURATION),
        ("node_disk_io_time_seconds", MetricRole.SATURATION),
        ("requests_sum", MetricRole.TRAFFIC),
        ("db_query_count_per_request", MetricRole.TRAFFIC),
        ("availability_average", MetricRole.AVAILABILITY),
        ("rpc_server_cancelled_rate", MetricRole.TRAFFIC),
        ("rows_examined", MetricRole.OTHER),
        ("", MetricRole.OTHER),
    ],
)
def test_a_name_tells_the_role(name, role):
    assert role_of(name) is role


def test_only_less_availability_is_bad():
    assert bad_direction(MetricRole.AVAILABILITY) == -1
    assert bad_direction(MetricRole.ERRORS) == 1
    assert bad_direction(MetricRole.TRAFFIC) == 0


def test_a_share_says_so_in_its_name():
    assert is_share("node_disk_used_ratio")
    assert not is_share("container_cpu_usage_cores")
