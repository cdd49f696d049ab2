"""The labels of a series in, those of its workload out: what a replica has in common with others.

A pod is called after its owner: a Deployment's after its ReplicaSet, a StatefulSet's with a number, a
DaemonSet's or Job's with five letters. A container is known by its image.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

_OF_A_DEPLOYMENT = re.compile(r"^(?P<owner>.+)-[a-z0-9]{6,10}-[a-z0-9]{5}$")
_OF_A_SET = re.compile(r"^(?P<owner>.+)-(?:[0-9]{1,4}|[bcdfghjklmnpqrstvwxz2456789]{5})$")
POD_LABELS = ("pod", "pod_name", "kubernetes_pod_name")
_CONTAINER = ("container_id", "id")
# what differs from one replica to the next, beside its name
_OF_A_REPLICA = frozenset(
    {
        *POD_LABELS,
        *_CONTAINER,
        "instance",
        "host",
        "port",
        "node",
        "name",
        "ip",
        "pod_ip",
        "host_ip",
        "uid",
        "pod_uid",
    }
)


def workload_of(labels: Mapping[str, str]) -> Mapping[str, str] | None:
    """Return what the replicas of a workload have in common; None where labels tell of no workload.

    >>> workload_of({"pod": "cart-7d9f8c6b5-x2x4z", "code": "500"})
    {'workload': 'cart', 'code': '500'}
    """
    owner = next((owner_of(labels[name]) for name in POD_LABELS if labels.get(name)), None)
    if owner is None and labels.get("image") and any(labels.get(name) for name in _CONTAINER):
        owner = labels["image"].partition("@")[0].rpartition(":")[0] or labels["image"]
    if owner is None:
        return None
    rest = {name: value for name, value in labels.items() if name not in _OF_A_REPLICA and name != "image"}
    return {"workload": owner, **rest}


def owner_of(pod: str) -> str:
    """Return the name of what a pod belongs to, by how Kubernetes names pods."""
    for pattern in (_OF_A_DEPLOYMENT, _OF_A_SET):
        match = pattern.match(pod)
        if match:
            return match["owner"]
    return pod


def replicas_in(pods: Iterable[str]) -> dict[str, str]:
    """Return the pods that are replicas of one workload, each with the workload's name.

    A Deployment's are by their name alone. A number behind a name proves it only beside another one.

    >>> replicas_in(["cart-7d9f8c6b5-x2x4z", "db-0", "db-1", "web-1"])
    {'cart-7d9f8c6b5-x2x4z': 'cart', 'db-0': 'db', 'db-1': 'db'}
    """
    owners = {pod: owner_of(pod) for pod in pods}
    count = Counter(owners.values())
    return {
        pod: owner
        for pod, owner in owners.items()
        if owner != pod and (count[owner] > 1 or _OF_A_DEPLOYMENT.match(pod))
    }
