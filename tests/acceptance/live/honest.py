"""Hosts in good health in, hard work on them out: what keeps processors and disks busy and is no fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.demo.hosts import Cluster, Host

# what the work below needs beside the packages of every test host
PACKAGES = ("ffmpeg", "gcc", "libc6-dev", "postgresql", "prometheus-postgres-exporter")
_SOURCES = """
mkdir -p /var/tmp/build && cd /var/tmp/build
for part in $(seq 40); do
    for name in $(seq 400); do
        echo "int f${part}_$name(int *a, int n)"
        echo "{int s = $name; for (int i = 0; i < n; i++) s += a[i] * (s ^ i); return s;}"
    done > part$part.c
done
while :; do ls part*.c | xargs -P 4 -n 1 gcc -O3 -c; rm -f *.o; done
"""
_BACKUP = "tar -C / -c usr etc var/lib/dpkg | gzip -9 > /var/tmp/backup.tgz; rm -f /var/tmp/backup.tgz"
_VIDEO = (
    "ffmpeg -nostdin -loglevel error -y -f lavfi -i testsrc2=size=854x480:rate=25 -t 3600 "
    "-c:v libx264 -preset slower -f mp4 /var/tmp/film.mp4"
)
_SCAN = "find /usr /etc /var -xdev -type f -print0 | xargs -0 -P 2 sha256sum > /dev/null"
_UPGRADE = """
export DEBIAN_FRONTEND=noninteractive
apt-get update -q && apt-get install -qy --reinstall nginx-light openssl curl
"""
_ORDERS = """
CREATE TABLE IF NOT EXISTS history (id bigint, who text, at timestamptz);
INSERT INTO history SELECT n, md5(n::text), now() - n * interval '1 s' FROM generate_series(1, 300000) n;
"""
_INDEX = "DROP INDEX IF EXISTS who; CREATE INDEX who ON history (who, at); DROP INDEX who;"
_VACUUM = "UPDATE history SET at = at + interval '1 s'; VACUUM FULL ANALYZE history; TRUNCATE history;"

Deed = Callable[[Cluster], object]


def honest_work() -> Iterator[tuple[str, Deed]]:
    """Yield each kind of hard work; all but the upgrade and SQL go on for a while beside what comes next."""
    yield "a compile keeps every processor of web1 busy for two minutes", _on("web1", _SOURCES, 120)
    yield "backup of web2", _on("web2", _BACKUP, 180)
    yield "a film is encoded on shop4 for a minute and a half", _on("shop4", _VIDEO, 90)
    yield "a table grows and gets an index on db1", lambda one: _ask(one.hosts["db1"], _ORDERS + _INDEX)
    yield "all files of shop3 are read and checked", _on("shop3", _SCAN, 120)
    yield "packages upgraded on web2", lambda one: one.hosts["web2"].run("sh", "-c", _UPGRADE)
    yield "the table is changed whole and vacuumed", lambda one: _ask(one.hosts["db1"], _VACUUM)


def _on(host: str, script: str, at_most_s: int) -> Deed:
    """Return a deed that starts a script as a unit of its own, as a timer or somebody's session would."""
    limit = f"--property=RuntimeMaxSec={at_most_s}"
    return lambda cluster: cluster.hosts[host].run(
        "systemd-run", "--quiet", "--collect", limit, "sh", "-c", script
    )


def _ask(host: Host, statements: str) -> None:
    """Run SQL in the shop's database, each statement in a transaction of its own."""
    command = ["runuser", "--user=postgres", "--", "psql", "-XqAt", "--set=ON_ERROR_STOP=1", "shop"]
    host.run(*command, given=statements)
