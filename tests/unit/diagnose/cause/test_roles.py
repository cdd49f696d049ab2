"""A metric's name tells what it measures."""

import pytest

from agent.diagnose.cause.roles import MetricRole, bad_direction, is_room, is_share, role_of, role_of_series


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


@pytest.mark.parametrize(
    ("name", "labels", "role"),
    [
        ("istio_requests_total", {"response_code": "503"}, MetricRole.ERRORS),
        ("istio_requests_total", {"response_code": "200"}, MetricRole.TRAFFIC),
        (
            "http_server_requests_seconds_count",
            {"status": "500", "outcome": "SERVER_ERROR"},
            MetricRole.ERRORS,
        ),
        ("http_server_requests_seconds_count", {"status": "200"}, MetricRole.TRAFFIC),
        ("http_server_duration_milliseconds_bucket", {"le": "5"}, MetricRole.OTHER),
        ("grpc_server_handled_total", {"grpc_code": "Unavailable"}, MetricRole.ERRORS),
        ("node_memory_MemAvailable_bytes", {}, MetricRole.SATURATION),
        ("node_filesystem_avail_bytes", {}, MetricRole.SATURATION),
        ("kube_pod_container_status_restarts_total", {}, MetricRole.ERRORS),
        ("jvm_memory_used_bytes", {}, MetricRole.SATURATION),
    ],
)
def test_labels_tell_what_a_name_leaves_open(name, labels, role):
    assert role_of_series(name, labels) is role


def test_less_room_is_bad():
    assert is_room("node_filesystem_avail_bytes")
    assert is_room("memory_free_percent")
    assert not is_room("node_filesystem_size_bytes")
    assert not is_room("free_shipping_orders")
