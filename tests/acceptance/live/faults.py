"""The faults of the live trial: how each is caused by hand on a host, and how it is taken away again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.demo.faults import fill_file_system, hang_service, kill_until_systemd_gives_up, stop_service
from agent.demo.hosts import Host

Deed = Callable[[Host], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFault:
    """``host`` is where it is caused, ``seen_at`` the host of the incident where that is another."""

    fault: str
    host: str
    inject: Deed
    cure: Deed
    seen_at: str = ""
    within_s: float = 60.0

    @property
    def place(self) -> str:
        """Return the host that the incident must name."""
        return self.seen_at or self.host


def shell(script: str) -> Deed:
    """Return a deed that is a shell script on the host."""
    return lambda host: host.run("sh", "-c", script)


def post(kind: str) -> Deed:
    """Return a deed that breaks the shop of a host in one of the ways it knows."""
    return shell(f"curl -sf -X POST http://127.0.0.1:8080/faults/{kind}")


def start_again(unit: str, before: str = "true") -> Deed:
    """Return a deed that starts a unit, whatever state it is in."""
    return shell(f"{before}; systemctl reset-failed {unit} 2> /dev/null; systemctl restart {unit}")


_SIGN = (
    "cd /etc/nginx && openssl x509 -in shop.pem -signkey shop.key -days {days} -out shop.new 2> /dev/null "
    "&& cat shop.new > shop.pem && systemctl reload nginx"
)
_TAKE_PORT = """
systemctl stop shop
systemd-run --quiet --unit=squatter python3 -m http.server 8080 --directory /usr/share/doc
for try in $(seq 50); do curl -s -o /dev/null http://127.0.0.1:8080/ && break; sleep 0.1; done
systemctl start shop || true
"""
_RELEASE = """
mkdir -p /srv/shop/releases/1.2.0
echo '{"version": "1.2.0", "status": 500}' > /srv/shop/releases/1.2.0/release.json
ln -sfn /srv/shop/releases/1.2.0 /srv/shop/current
systemctl restart shop
"""
_RELEASE_BACK = """
ln -sfn /srv/shop/releases/1.1.0 /srv/shop/current
touch -h -d '2 days ago' /srv/shop/current
systemctl restart shop
"""
_SESSIONS = """
cd /var/spool/shop/sessions; number=0
while touch old-$number 2> /dev/null; do number=$((number + 1)); done
"""
_FRESH_LOG = "systemctl stop shop; : > /var/log/shop/shop.log"


def drain(state: str) -> Deed:
    """Return a deed that sets the state of the first shop in the load balancer, as opsmend does it."""
    command = f"set server web/shop1 state {state}\\n"
    talk = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock'); "
        f"s.sendall(b'{command}'); s.recv(1000)"
    )

    def deed(host: Host) -> None:
        host.run("python3", "-c", talk)
        folder, file = "/var/lib/opsmend/drained", "/var/lib/opsmend/drained/web@shop1"
        host.run("sh", "-c", f"mkdir -p {folder} && touch {file}" if state == "drain" else f"rm -f {file}")

    return deed


def _killed_with_lock(host: Host) -> None:
    host.run("sh", "-c", "systemctl kill --signal=SIGKILL shop; sleep 0.3; systemctl restart shop || true")
    time.sleep(0.3)


def _fault(
    fault: str, host: str, inject: Deed, cure: Deed, seen_at: str = "", within_s: float = 60
) -> LiveFault:
    return LiveFault(fault=fault, host=host, inject=inject, cure=cure, seen_at=seen_at, within_s=within_s)


STOPPED = _fault("service_down", "web1", stop_service("nginx"), start_again("nginx"))
HUNG = _fault("service_hung", "web1", hang_service("nginx"), shell("systemctl kill --signal=SIGCONT nginx"))
BALANCER_HUNG = _fault(
    "service_hung", "lb", hang_service("haproxy"), shell("systemctl kill --signal=SIGCONT haproxy")
)
GAVE_UP = _fault("service_start_limit", "web2", kill_until_systemd_gives_up("nginx"), start_again("nginx"))
FAILED = _fault(
    "service_failed",
    "shop4",
    shell("systemctl kill --signal=SIGKILL shop@8082"),
    start_again("shop@8082"),
)
ERRORS = _fault("service_errors", "shop3", post("errors"), start_again("shop"))
SLOW = _fault("service_slow", "shop4", post("slow"), start_again("shop"))
LOCK = _fault("stale_lock", "shop3", _killed_with_lock, start_again("shop", "rm -f /var/lib/shop/shop.lock"))
PORT = _fault("port_conflict", "shop4", shell(_TAKE_PORT), start_again("shop", "systemctl stop squatter"))
CONFIG = _fault(
    "config_invalid",
    "web2",
    shell("echo 'server_tokenz off;' >> /etc/nginx/nginx.conf; systemctl restart nginx || true"),
    start_again("nginx", "sed -i /server_tokenz/d /etc/nginx/nginx.conf"),
)
RELEASE = _fault("bad_release", "shop3", shell(_RELEASE), shell(_RELEASE_BACK))
DISK = _fault("disk_full", "web2", fill_file_system("/var/log/shop"), shell("rm -f /var/log/shop/*"))
INODES = _fault(
    "inodes_exhausted",
    "web1",
    shell(_SESSIONS),
    shell("rm -rf /var/spool/shop/sessions; mkdir /var/spool/shop/sessions"),
)
FLOOD = _fault("log_flood", "shop4", post("log"), start_again("shop", _FRESH_LOG))
MEMORY = _fault("memory_pressure", "shop4", post("memory"), start_again("shop"))
FILES = _fault("file_descriptors_exhausted", "shop3", post("files"), start_again("shop"))
RUNAWAY = _fault(
    "runaway_process",
    "web2",
    shell(
        "systemd-run --quiet --unit=report sh -c "
        "'for worker in 1 2 3; do report-job > /dev/null & done; wait'"
    ),
    shell("systemctl stop report"),
    within_s=90,
)
CERTIFICATE = _fault(
    "certificate_expiring", "web1", shell(_SIGN.format(days=1)), shell(_SIGN.format(days=90))
)
BACKEND = _fault("backend_failing", "shop1", post("errors"), start_again("shop"), seen_at="lb")
POOL = _fault(
    "connection_pool_exhausted",
    "lb",
    shell("systemd-run --quiet --unit=holder /usr/local/bin/shopper http://127.0.0.1/hold --hold=8"),
    shell("systemctl stop holder; systemctl restart haproxy"),
)
DRAINED = _fault("backend_left_drained", "lb", drain("drain"), drain("ready"), within_s=120)
PRIMARY = _fault(
    "redis_primary_lost",
    "db1",
    shell("ip link set eth0 down"),
    shell("ip link set eth0 up"),
    seen_at="db2",
    within_s=90,
)
EXPORTER = _fault(
    "exporter_down",
    "web1",
    hang_service("prometheus-node-exporter"),
    shell("systemctl kill --signal=SIGCONT prometheus-node-exporter"),
)

# each class once alone, then two at once on different hosts
ROUNDS: tuple[tuple[LiveFault, ...], ...] = (
    (STOPPED,),
    (ERRORS,),
    (DISK,),
    (FAILED,),
    (BACKEND,),
    (HUNG,),
    (SLOW,),
    (CONFIG,),
    (LOCK,),
    (CERTIFICATE,),
    (PORT,),
    (POOL,),
    (INODES,),
    (RELEASE,),
    (RUNAWAY,),
    (MEMORY,),
    (EXPORTER,),
    (FILES,),
    (PRIMARY,),
    (FLOOD,),
    (DRAINED,),
    (GAVE_UP,),
    (STOPPED, ERRORS),
    (DISK, BALANCER_HUNG),
    (CERTIFICATE, MEMORY),
    (PRIMARY, RELEASE),
)
