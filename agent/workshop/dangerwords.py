"""What commands and modules of Ansible do that can go badly wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping

SAYING = frozenset(
    {"command", "shell", "raw", "script", "expect", "win_command", "win_shell", "telnet", "cron", "at"}
)
"""Modules whose arguments hold a command, or what is run as one."""

REMOVES_FILES, ENDS, STOPS_HOST = "removes files", "ends processes", "reboots or stops the host"
FIREWALL, DISK, DATA = "changes the firewall", "writes to a disk below its file system", "removes data"

_WORDS: Mapping[str, str] = {
    REMOVES_FILES: r"rm|rmdir|shred|truncate|unlink|srm|wipe",
    ENDS: r"kill|pkill|killall5?|xkill|skill",
    STOPS_HOST: r"reboot|shutdown|poweroff|halt|kexec|telinit",
    FIREWALL: r"iptables\S*|ip6tables\S*|nft|ufw|firewall-cmd|ebtables\S*|ipset",
    DISK: (
        r"dd|mkfs\S*|mkswap|wipefs|[sc]?fdisk|sgdisk|parted|blkdiscard|lvremove|lvreduce|vgremove|pvremove"
    ),
    "removes a user": r"userdel|deluser|groupdel|delgroup",
    DATA: r"dropdb|dropuser",
}
_PHRASES: Mapping[str, str] = {
    REMOVES_FILES: (
        r"\bfind\b[^;|&\n]*\s-delete\b|\brsync\b[^;|&\n]*\s--(?:delete|remove-source-files)\S*"
        r"|\bgit\s+(?:-\S+\s+\S+\s+)*clean\b|\b(?:rmtree|os\.remove|os\.unlink|File\.delete)\b"
        r"|\b(?:perl|ruby)\b[^\n]*\bunlink\b|\bmv\b[^;|&\n]*\s/dev/null\b"
    ),
    ENDS: r"\bfuser\b[^;|&\n]*\s-\w*k|\bcrictl\s+stopp?\b|\bkubectl\b[^;|&\n]*\s(?:delete|drain)\b",
    STOPS_HOST: (
        r"\bsystemctl\b[^;|&\n]*\s(?:isolate|rescue|emergency|exit)\b|\binit\s+[016]\b|/proc/sysrq-trigger"
    ),
    "cuts the host off": (
        r"\bip\s+(?:-\S+\s+)*link\s[^;|&\n]*\bdown\b|\bifdown\b|\bnmcli\b[^;|&\n]*\s(?:down|delete)\b"
    ),
    DATA: (
        r"(?i:\bdrop\s+(?:table|database|schema|user|role|index)\b|\btruncate\s+(?:table\s+)?\w|\bdelete\s+from\b"
        r"|\bflush(?:all|db)\b)|\b(?:zfs|zpool)\s[^;|&\n]*\bdestroy\b|\bsubvolume\s+delete\b|\bcrontab\s+-\w*r"
        r"|\b(?:docker|podman|nerdctl)\s[^;|&\n]*\b(?:system|volume)\s+(?:prune|rm|reset)\b"
    ),
    DISK: (
        r"\bmdadm\b[^;|&\n]*\s--(?:stop|zero-superblock|fail|remove)\b"
        r"|>\s*/dev/(?:sd|vd|xvd|nvme|mapper/|dm-)\w*"
    ),
    "runs what nobody can read before": (
        r"\|\s*(?:sudo\s+)?(?:\S*/)?(?:ba|da|z|k)?sh\b|\beval\b|\bbase64\s+(?:-d|--decode)\b"
    ),
}
_MODULES: Mapping[str, str] = {
    **dict.fromkeys(("reboot", "shutdown", "win_reboot", "win_shutdown"), STOPS_HOST),
    **dict.fromkeys(
        ("firewalld", "ufw", "iptables", "iptables_state", "nftables", "win_firewall_rule"), FIREWALL
    ),
    **dict.fromkeys(("filesystem", "parted", "lvol", "lvg", "luks_device", "mdadm", "zfs", "zpool"), DISK),
    **dict.fromkeys(("docker_prune", "podman_prune"), DATA),
    "pids": ENDS,
}
_GONE = re.compile(r"\b(?:absent|removed|purged|unmounted|truncated|truncate)\b")
_REMOVED: Mapping[str, str] = {
    r"win_user|user|group": "removes a user",
    r"mount": "takes a file system away",
    r"apt|dnf5?|yum|package|zypper|pacman|apk|snap|homebrew": "removes packages",
    r"\w*(?:_db|_database|_table|_schema|_volume|_collection|_index|_topic|_queue|_snapshot)": DATA,
    r"k8s|docker_container|podman_container|docker_compose\w*|helm|docker_stack": "removes what runs",
}
_QUERIES = re.compile(r"\w+_(?:query|script)|redis|redis_data")
# systemd ends what belongs to a unit and nothing else, as a restart does
_UNIT_KILL = re.compile(r"\bsystemctl(?:\s+-\S+)*\s+kill\b")


def _compiled() -> dict[str, re.Pattern[str]]:
    found = {}
    for does in dict.fromkeys([*_WORDS, *_PHRASES]):
        words = rf"(?<![\w./-])(?:/\S*/)?(?:{_WORDS[does]})(?![\w.-])" if does in _WORDS else ""
        found[does] = re.compile("|".join(part for part in (words, _PHRASES.get(does, "")) if part))
    return found


_PATTERNS = _compiled()


def does_of_command(text: str) -> str:
    """Return what a command does that is dangerous, "" for nothing that is known."""
    said = _UNIT_KILL.sub("systemctl restart", text)
    return next((does for does, pattern in _PATTERNS.items() if pattern.search(said)), "")


def does_of_module(module: str, arguments: Mapping[str, str]) -> str:
    """Return what a module does that is dangerous whatever it is used for, arguments as texts."""
    if module in _MODULES:
        return _MODULES[module]
    if module == "synchronize" and arguments.get("delete", "").lower() in {"true", "yes", "1", "on"}:
        return REMOVES_FILES
    if _QUERIES.fullmatch(module):
        flushes = "flush" in arguments.get("command", "")
        return does_of_command(" ".join(arguments.values())) or (DATA if flushes else "")
    if is_gone(arguments):
        return next((does for names, does in _REMOVED.items() if re.fullmatch(names, module)), "")
    return ""


def is_gone(arguments: Mapping[str, str]) -> bool:
    """Return whether something is not to be there afterwards, or may not be."""
    return bool(_GONE.search(arguments.get("state", "")))
