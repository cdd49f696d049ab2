#!/usr/bin/python
"""Ansible module: let a Redis replica that has lost its primary take over, or follow who has taken over."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_failover
short_description: Let a Redis replica take over from a primary that is gone
description:
  - A replica becomes primary when its primary is gone for good and no other replica has newer data. When
    another one has taken over already it follows that one.
  - It refuses while anything accepts connections at the primary's address, when Sentinel or a cluster looks
    after this Redis, when it has never had data, when a peer is connected to a primary, and when most of its
    peers cannot be reached, because then it is this host that is cut off. Two primaries are worse than none.
options:
  name:
    description: This host's name among the peers; decides between replicas that have the same data.
    type: str
    required: true
  port:
    description: Port of the Redis on this host.
    type: int
    default: 6379
  password:
    description: Password of this Redis and its peers.
    type: str
    default: ""
  peers:
    description: The other replicas, as host or host:port.
    type: list
    elements: str
    default: []
  refused_is_gone:
    description: Take a primary for gone whose host refuses connections. Otherwise it has to be started there.
    type: bool
    default: false
author:
  - opsmend
"""

RETURN = r"""
why:
  description: What was done and why, or why there was nothing to do.
  type: str
  returned: always
"""

import socket

from ansible.module_utils.basic import AnsibleModule

_TIMEOUT_S = 3
_HELLO = "__sentinel__:hello"  # every Sentinel listens there


class RedisError(Exception):
    """A Redis says no, or cannot be asked."""


def ask(place, password, *words):
    """Return what a Redis answers; lists come as their last element."""
    try:
        with socket.create_connection(place, _TIMEOUT_S) as line, line.makefile("rb") as stream:
            if password:
                line.sendall(packed("AUTH", password))
                answer_of(stream)
            line.sendall(packed(*words))
            return answer_of(stream)
    except OSError as error:
        raise RedisError("%s:%d: %s" % (*place, error)) from error


def packed(*words):
    """Return words as Redis takes them, so that none can be more than a word."""
    parts = [b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words]
    return b"*%d\r\n" % len(words) + b"".join(parts)


def answer_of(stream):
    """Return one answer as text."""
    first = stream.readline().decode().rstrip("\r\n")
    kind, rest = first[:1], first[1:]
    if kind == "-" or not kind:
        raise RedisError(rest or "hung up")
    if kind == "$":
        return stream.read(int(rest) + 2)[:-2].decode("utf-8", "replace") if int(rest) >= 0 else ""
    if kind == "*":
        return ([answer_of(stream) for _ in range(int(rest))] or [""])[-1]
    return rest


def info(place, password):
    """Return what a Redis says of its replication."""
    rows = (line.partition(":") for line in ask(place, password, "INFO", "replication").splitlines())
    return {name: value for name, colon, value in rows if colon}


def place_of(peer):
    """Return "host:port" as host and port."""
    host, _, port = peer.partition(":")
    return host, int(port or 6379)


def is_gone(place, refused_is_gone):
    """Return whether nothing accepts connections at a place any more."""
    try:
        socket.create_connection(place, _TIMEOUT_S).close()
    except ConnectionRefusedError:
        return refused_is_gone
    except OSError:
        return True
    return False


def refuse_when_others_decide(me, password):
    """Raise RedisError when Sentinel or a cluster looks after this Redis."""
    if "redis_mode:standalone" not in ask(me, password, "INFO", "server"):
        raise RedisError("this Redis is part of a cluster, which fails over by itself")
    if ask(me, password, "PUBSUB", "NUMSUB", _HELLO) != "0":
        raise RedisError("Sentinel watches this Redis; to fail over is its business")


def choose(mine, seen, peers, name, primary):
    """Return the place to follow, or None to take over. Raises RedisError when neither is safe."""
    if len(seen) * 2 < len(peers):
        raise RedisError(
            "only %d of %d peers answer: it may be this host that is cut off" % (len(seen), len(peers))
        )
    new = [peer for peer, said in seen.items() if said.get("role") == "master" and place_of(peer) != primary]
    if len(new) > 1:
        raise RedisError("there are several primaries already: %s" % ", ".join(new))
    if new:
        return place_of(new[0])
    linked = [peer for peer, said in sorted(seen.items()) if said.get("master_link_status") == "up"]
    if linked:
        raise RedisError("%s is connected to its primary: only the way from here to it is cut" % linked[0])
    offset = int(mine.get("slave_repl_offset", 0))
    for peer, said in sorted(seen.items()):
        theirs = int(said.get("slave_repl_offset", 0))
        if theirs > offset or (theirs == offset and peer < name):
            raise RedisError("%s has data at least as new; it has to take over" % peer)
    return None


def fail_over(module):
    """Return whether something was changed, and why."""
    me, password = ("127.0.0.1", module.params["port"]), module.params["password"]
    mine = info(me, password)
    if mine["role"] == "master":
        return False, "is a primary already"
    if mine["master_link_status"] == "up":
        return False, "is connected to its primary"
    refuse_when_others_decide(me, password)
    if int(mine.get("slave_repl_offset", 0)) <= 0:
        raise RedisError("this replica has never had data from its primary")
    primary = (mine["master_host"], int(mine["master_port"]))
    if not is_gone(primary, module.params["refused_is_gone"]):
        raise RedisError(
            "the host of the primary %s:%d is alive; Redis has to be repaired there, or the network" % primary
        )
    seen = {}
    for peer in module.params["peers"]:
        try:
            seen[peer] = info(place_of(peer), password)
        except RedisError:
            continue
    leader = choose(mine, seen, module.params["peers"], module.params["name"], primary)
    why = "follows %s:%d" % leader if leader else "takes over from %s:%d" % primary
    if not module.check_mode:
        ask(me, password, "REPLICAOF", *((leader[0], str(leader[1])) if leader else ("NO", "ONE")))
        why += keep(me, password)
    return True, why


def keep(me, password):
    """Write the new role into the configuration file; return what people must know when that fails."""
    try:
        ask(me, password, "CONFIG", "REWRITE")
    except RedisError as error:
        return ", but only until it is restarted: %s" % error
    return ""


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "port": {"type": "int", "default": 6379},
            "password": {"type": "str", "default": "", "no_log": True},
            "peers": {"type": "list", "elements": "str", "default": []},
            "refused_is_gone": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        changed, why = fail_over(module)
    except RedisError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, why=why)


if __name__ == "__main__":
    main()
