"""What /proc says of processes: who they are, what unit they belong to, what they hold.

Runs on managed hosts, so: the standard library, any Python 3.6 or newer.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import sys
import time

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD in the kernel's include/linux/sched.h
_UNIT = re.compile(r"/system\.slice/(?:[^\n]*/)?([^/\n]+\.service)")
# without pam_systemd the processes that people or cron start stay in the unit of the daemon
_DOORS = {
    "ssh.service": "sshd",
    "sshd.service": "sshd",
    "cron.service": "cron",
    "crond.service": "crond",
    "atd.service": "atd",
}
# cgroup v2, then v1: limit, use, and the part of the use that is cache and can be given back
_MEMORY = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def read(path):
    """Return a file of /proc, or nothing when the process is gone."""
    try:
        with open(path, errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def all_pids():
    """Return every process, but not ourselves."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid()]


def name_of(pid):
    """Return the command name, at most 15 characters."""
    return read("/proc/%d/comm" % pid).rstrip("\n")


def unit_of(pid):
    """Return the systemd service that a process belongs to, or None when it belongs to nobody."""
    match = _UNIT.search(read("/proc/%d/cgroup" % pid))
    unit = match.group(1) if match else None
    return None if unit in _DOORS and name_of(pid) != _DOORS[unit] else unit


def is_in_container(pid):
    """Return whether a process lives in a world of processes of its own, which somebody else looks after."""
    try:
        return os.readlink("/proc/%d/ns/pid" % pid) != os.readlink("/proc/1/ns/pid")
    except OSError:
        return False


def fields_of(pid):
    """Return the fields of /proc/PID/stat from the state on, or nothing when the process is gone."""
    return read("/proc/%d/stat" % pid).rpartition(")")[2].split()


def start_of(pid):
    """Return when a process was started, to tell it from a successor; None when it has ended."""
    fields = fields_of(pid)
    return fields[19] if len(fields) > 19 and fields[0] != "Z" else None


def cpu_seconds(pid):
    """Return the processor time that a process has used."""
    fields = fields_of(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if len(fields) > 12 else 0.0


def threads_of(pid):
    """Return the ids of the threads of a process, as texts; none where it has ended."""
    try:
        return os.listdir("/proc/%d/task" % pid)
    except OSError:
        return []


def waited_seconds(pid):
    """Return how long each thread of a process has been ready to run without a processor, by thread.

    Time in which its container was throttled counts too. Empty where the kernel does not say.
    """
    found = {}
    for thread in threads_of(pid):
        fields = read("/proc/%d/task/%s/schedstat" % (pid, thread)).split()
        if len(fields) > 1:
            found[thread] = int(fields[1]) / 1e9
    return found


def thread_states(pid):
    """Return the state of each thread of a process, a letter as proc(5) has them, by thread."""
    found = {}
    for thread in threads_of(pid):
        fields = read("/proc/%d/task/%s/stat" % (pid, thread)).rpartition(")")[2].split()
        if fields:
            found[thread] = fields[0]
    return found


def is_of_kernel(pid):
    """Return whether this is a thread of the kernel, which no signal reaches."""
    fields = fields_of(pid)
    return len(fields) > 6 and bool(int(fields[6]) & _KERNEL_THREAD)


def resident_bytes(pid):
    """Return the memory that a process keeps in RAM."""
    fields = fields_of(pid)
    return int(fields[21]) * PAGE if len(fields) > 21 else 0


def open_files(pid):
    """Return what each open file of a process is, such as /var/log/x or socket:[123]."""
    folder = "/proc/%d/fd" % pid
    found = []
    try:
        entries = os.listdir(folder)
    except OSError:
        return []
    for entry in entries:
        try:
            found.append(target_of(os.path.join(folder, entry)))
        except OSError:
            continue
    return found


def target_of(link):
    """Return where a link of /proc leads, as text whatever bytes it is called by. Raises OSError."""
    return os.readlink(link.encode()).decode("utf-8", "replace")


def flags_of(pid, device, inode):
    """Yield how a process has a file open, as open(2) takes it, under whatever name it did."""
    folder = "/proc/%d/fd" % pid
    try:
        entries = os.listdir(folder)
    except OSError:
        return
    for entry in entries:
        try:
            seen = os.stat(os.path.join(folder, entry))
        except OSError:
            continue
        if (seen.st_dev, seen.st_ino) == (device, inode):
            said = re.search(r"^flags:\s*([0-7]+)", read("/proc/%d/fdinfo/%s" % (pid, entry)), re.MULTILINE)
            yield int(said.group(1), 8) if said else os.O_RDWR


def mountpoints():
    """Return where file systems are mounted, by device; of several places the first."""
    found = {}
    for line in read("/proc/1/mountinfo").splitlines():
        fields = line.split()
        major, minor = fields[2].split(":")
        place = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code.group(1), 8)), fields[4])
        found.setdefault(os.makedev(int(major), int(minor)), place)
    return found


def deleted_files(pid):
    """Yield (device, inode, bytes on disk, path) of each open file of a process that has no name."""
    folder = "/proc/%d/fd" % pid
    try:
        entries = os.listdir(folder)
    except OSError:
        return
    for entry in entries:
        place = os.path.join(folder, entry)
        try:
            path = target_of(place)
            if not path.startswith("/") or not path.endswith(" (deleted)"):
                continue
            seen = os.stat(place)
        except OSError:
            continue
        if stat.S_ISREG(seen.st_mode) and not seen.st_nlink:
            yield seen.st_dev, seen.st_ino, seen.st_blocks * 512, path[: -len(" (deleted)")]


def file_limits(pid):
    """Return the soft and the hard limit of open files, 0 for unlimited or unknown."""
    match = re.search(r"^Max open files\s+(\d+)\s+(\d+)", read("/proc/%d/limits" % pid), re.MULTILINE)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def listening_places(port):
    """Return the addresses on which somebody listens on a TCP port, IPv4 and IPv6, by inode of the socket."""
    wanted = "%04X" % port
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read(table).splitlines()[1:]:
            parts = line.split()
            address, _, number = parts[1].partition(":")
            if number == wanted and parts[3] == "0A":
                found[parts[9]] = address_of(address)
    return found


def address_of(told):
    """Return an address of /proc/net, in words of the byte order of the machine, as people write it."""
    raw = b"".join(int(told[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(told), 8))
    return socket.inet_ntop(socket.AF_INET6 if len(raw) > 4 else socket.AF_INET, raw)


def socket_inodes(pid):
    """Return the inodes of the sockets that a process has open."""
    return [one[len("socket:[") : -1] for one in open_files(pid) if one.startswith("socket:[")]


def memory():
    """Return all memory in bytes and the share that can still be had, of a container or of the machine."""
    for limit, used, told, key in _MEMORY:
        most = read("/sys/fs/cgroup/" + limit).strip()
        if most.isdigit() and int(most) < 1 << 60:
            cache = re.search(r"^%s (\d+)" % key, read("/sys/fs/cgroup/" + told), re.MULTILINE)
            taken = int(read("/sys/fs/cgroup/" + used)) - int(cache.group(1) if cache else 0)
            return int(most), round(1 - taken / int(most), 4)
    amounts = dict(re.findall(r"^(Mem\w+):\s+(\d+)", read("/proc/meminfo"), re.MULTILINE))
    total, available = int(amounts["MemTotal"]), int(amounts["MemAvailable"])
    return total * 1024, round(available / total, 4)


def started_at(pid):
    """Return when a process was started, in unix seconds."""
    boot = re.search(r"^btime (\d+)", read("/proc/stat"), re.MULTILINE)
    return int(boot.group(1)) + int(start_of(pid) or 0) / TICKS


def describe(pid):
    """Return what people and playbooks want to know of a process, or None when it has ended."""
    started = start_of(pid)
    if started is None:
        return None
    soft, hard = file_limits(pid)
    files = len(open_files(pid))
    command = read("/proc/%d/cmdline" % pid).replace("\0", " ").strip()
    return {
        "pid": pid,
        "started": started,
        "started_at": started_at(pid),
        "name": name_of(pid),
        "command": command[:300],
        "unit": unit_of(pid),
        "container": is_in_container(pid),
        "resident_bytes": resident_bytes(pid),
        "open_files": files,
        "soft_file_limit": soft,
        "hard_file_limit": hard,
        "file_ratio": round(files / soft, 3) if soft else 0.0,
    }


def stop(processes, grace_s):
    """Ask processes (pid and start) to end, then make them; return the pids that are still there."""

    def alive():
        # a process id may be taken by another process as soon as the first one has ended
        return [pid for pid, started in processes if started and start_of(pid) == started]

    end(alive(), signal.SIGTERM)
    end(alive(), signal.SIGCONT)
    deadline = time.monotonic() + grace_s
    while alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    end(alive(), signal.SIGKILL)
    deadline = time.monotonic() + 1.0
    while alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive()


def end(pids, number):
    """Send a signal to processes that may be gone already."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass
