"""Name, labels and metadata of a metric tell what it measures, and which direction is bad."""

import pytest

from agent.meaning import MetricRole, bad_direction, is_share, meaning_of
from agent.records.metadata import MetricMetadata


@pytest.mark.parametrize(
    ("name", "role", "bad"),
    [
        ("http_requests_failed_total", "errors", "high"),
        ("http_server_duration_p99_ms", "latency", "high"),
        ("latencyAverage", "latency", "high"),
        ("podServerLatencyP90", "latency", "high"),
        ("cpuusagerate_ratio", "saturation", "high"),
        ("container_cpu_usage_seconds_total", "saturation", "high"),
        ("node_disk_io_time_seconds", "saturation", "high"),
        ("requests_sum", "traffic", "both"),
        ("db_query_count_per_request", "traffic", "both"),
        ("availability_average", "availability", "low"),
        ("probe_success", "availability", "low"),
        ("rpc_server_cancelled_rate", "traffic", "both"),
        ("node_filesystem_avail_bytes", "saturation", "low"),
        ("memory_free_percent", "saturation", "low"),
        ("node_filesystem_size_bytes", "other", "both"),
        ("free_shipping_orders", "other", "both"),
        ("rows_examined", "other", "both"),
        ("", "other", "both"),
    ],
)
def test_a_name_tells_the_role_and_the_bad_direction(name, role, bad):
    found = meaning_of(name, {})
    assert (found.role, found.bad) == (role, bad)


@pytest.mark.parametrize(
    "name",
    ["payment_success_total", "requests_succeeded_total", "orders_successful_count", "probe_success_num"],
)
def test_successes_that_are_counted_are_traffic_and_no_error_rate_upside_down(name):
    assert meaning_of(name, {}).role == "traffic"


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("node_vmstat_pgfault", {}),
        ("process_minor_page_faults_total", {}),
        ("container_memory_failures_total", {"failure_type": "pgfault"}),
        ("redis_expired_keys_total", {}),
        ("memcached_items_expired_total", {}),
        ("tomcat_sessions_expired_sessions_total", {}),
    ],
)
def test_page_faults_and_expired_keys_are_no_errors(name, labels):
    assert meaning_of(name, labels).role not in ("errors", "availability")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("node_cpu_seconds_total", {"mode": "idle"}),
        ("system_cpu_utilization", {"state": "idle"}),
        ("system_memory_usage_bytes", {"state": "free"}),
        ("cpu_idle_percent", {}),
    ],
)
def test_more_of_what_is_idle_is_no_shortage(name, labels):
    assert meaning_of(name, labels).bad == "low"
    assert meaning_of("node_cpu_seconds_total", {"mode": "user"}).bad == "high"


def test_a_workload_that_is_scaled_down_has_lost_no_availability():
    assert meaning_of("kube_deployment_status_replicas_available", {}).role == "other"
    assert meaning_of("kube_deployment_status_replicas_unavailable", {}).role == "errors"


@pytest.mark.parametrize(
    ("name", "labels", "role"),
    [
        ("istio_requests_total", {"response_code": "503"}, "errors"),
        ("istio_requests_total", {"response_code": "200"}, "traffic"),
        ("http_server_requests_seconds_count", {"status": "500", "outcome": "SERVER_ERROR"}, "errors"),
        ("http_server_requests_seconds_count", {"status": "200"}, "traffic"),
        ("http_server_duration_milliseconds_bucket", {"le": "5"}, "other"),
        ("grpc_server_handled_total", {"grpc_code": "Unavailable"}, "errors"),
        ("kube_pod_container_status_restarts_total", {}, "errors"),
        ("jvm_memory_used_bytes", {}, "saturation"),
        ("process_start_time_seconds", {}, "other"),
    ],
)
def test_labels_tell_what_a_name_leaves_open(name, labels, role):
    assert meaning_of(name, labels).role == role


def test_help_and_unit_tell_what_neither_name_nor_labels_do():
    known = {
        "frobs": MetricMetadata("counter", "", "Frobs that failed."),
        "grue": MetricMetadata("histogram", "seconds", "How grues are."),
    }
    assert meaning_of("frobs", {}, known).role == "errors"
    assert meaning_of("grue", {}, known).role == "latency"
    assert meaning_of("frobs", {}).role == meaning_of("grue", {}).role == "other"


def test_only_less_availability_is_bad():
    assert bad_direction(MetricRole.AVAILABILITY) == -1
    assert bad_direction(MetricRole.ERRORS) == 1
    assert bad_direction(MetricRole.TRAFFIC) == 0


def test_a_share_says_so_in_its_name():
    assert is_share("node_disk_used_ratio")
    assert not is_share("container_cpu_usage_cores")
