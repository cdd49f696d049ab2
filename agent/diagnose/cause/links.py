"""Nodes, call edges and log evidence in, the linked causal graph out.

The shares below are the only hypotheses in it. They say how far a kind of proof is to be believed, were
set by thought and hold on systems of every kind that could be tried; see docs/diagnosis.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from agent.diagnose.cause.deviations import Deviations
from agent.diagnose.cause.graph import (
    FAILING,
    OF_ROLE,
    CausalGraph,
    Link,
    Node,
    NodeKey,
    Trouble,
    coincidence,
)
from agent.diagnose.cause.logevidence import LogEvidence
from agent.diagnose.cause.nodes import find_vanished, make_nodes
from agent.meaning import MetricRole
from agent.records.evidence import Edge
from agent.records.metrics import FloatArray

_MOST_PASSED = 0.95  # something always stays: nobody is ever wholly innocent
_OTHER_KIND = 0.5  # lateness may come from a callee's errors (retries) and the reverse, less often
_NAMED_IN_LOGS = 0.9  # a log line that names the culprit is seldom wrong about the direction
_PLAIN_SHORTAGE = 0.35  # severity (z of 10) from which on a shortage explains whatever depends on it
_BLAMED_IN_LOGS = 0.8  # a line that blames others, but does not say whom
_BY_RESOURCE = 0.7  # of something that has only resources, as a node or a database
_BY_SURGE = 0.6  # load alone is no excuse for failing under it
_UNUSED = 0.02  # of the traffic now; what was called less than that before is newly called
_FROM_CALLERS = 0.9  # nobody inside makes its own traffic


def build_graph(deviations: Deviations, edges: Iterable[Edge], logs: LogEvidence) -> CausalGraph:
    """Make the graph of one incident."""
    vanished = find_vanished(deviations)
    nodes = make_nodes(deviations, logs, vanished)
    builder = _Builder(deviations, nodes, logs, edges)
    measured: dict[str, set[Trouble]] = defaultdict(set)
    for entity, trouble in builder.measured:
        measured[entity].add(trouble)
    return CausalGraph(
        nodes=nodes,
        links=builder.link_all(),
        vanished=frozenset(vanished),
        measured={entity: frozenset(troubles) for entity, troubles in measured.items()},
    )


class _Builder:
    """Finds the links between the nodes."""

    def __init__(
        self,
        deviations: Deviations,
        nodes: Mapping[NodeKey, Node],
        logs: LogEvidence,
        edges: Iterable[Edge],
    ) -> None:
        self._deviations = deviations
        self._nodes = nodes
        self._logs = logs
        self._callees: dict[str, list[Edge]] = defaultdict(list)
        self._callers: dict[str, list[str]] = defaultdict(list)
        for edge in edges:
            if edge.source != edge.target:
                self._callees[edge.source].append(edge)
                self._callers[edge.target].append(edge.source)
        self._rows: dict[str, dict[str, int]] = defaultdict(dict)
        for row, entity in enumerate(deviations.table.entities):
            self._rows[entity].setdefault(deviations.table.names[row], row)
        self._troubles: dict[str, list[Node]] = defaultdict(list)
        for node in nodes.values():
            self._troubles[node.entity].append(node)
        self.measured = {
            (entity, OF_ROLE.get(role, Trouble.SURGE))
            for entity, role in zip(deviations.table.entities, deviations.roles, strict=True)
        }

    def link_all(self) -> dict[NodeKey, list[Link]]:
        """Return the links of every node, their shares scaled so that something stays."""
        linked = {}
        for key, node in self._nodes.items():
            links = list(self._merge(self._links_of(node)))
            total = sum(link.share for link in links)
            if total > _MOST_PASSED:
                links = [_scaled(link, _MOST_PASSED / total) for link in links]
            linked[key] = links
        return linked

    @staticmethod
    def _merge(links: Iterable[Link]) -> Iterable[Link]:
        """Yield one link per cause: two reasons for the same are one reason, the better one."""
        best: dict[NodeKey, Link] = {}
        for link in links:
            if link.share > 0.01 and (link.cause not in best or link.share > best[link.cause].share):
                best[link.cause] = link
        return best.values()

    def _links_of(self, node: Node) -> Iterable[Link]:
        if node.trouble in FAILING:
            for edge in self._callees.get(node.entity, ()):
                yield from self._to_callee(node, edge)
            yield from self._to_named(node)
            yield from self._to_blamed(node)
            yield from self._to_surge(node)
            yield from self._to_caller_that_gave_up(node)
        elif node.trouble is Trouble.SATURATION:
            for edge in self._callees.get(node.entity, ()):
                yield from self._to_resource(node, edge)
            yield from self._to_surge(node)
            if (node.entity, Trouble.SURGE) not in self.measured:
                yield from self._to_surging_callers(node)
        elif node.trouble in (Trouble.SURGE, Trouble.DROUGHT):
            yield from self._to_callers(node)

    def _to_callee(self, node: Node, edge: Edge) -> Iterable[Link]:
        other = Trouble.ERRORS if node.trouble is Trouble.LATENCY else Trouble.LATENCY
        callee = self._nodes.get((edge.target, node.trouble))
        if callee is not None:
            share = self._amount(node, callee) * coincidence(node.profile, callee.profile)
            share *= self._of_its_own(callee)
            yield self._link(node, callee, share, f"{edge.target} fails alike and {edge.source} calls it")
        crossed = self._nodes.get((edge.target, other))
        if crossed is not None:
            share = _OTHER_KIND * _ratio(crossed, node) * coincidence(node.profile, crossed.profile)
            share *= self._of_its_own(crossed)
            why = f"{edge.source} calls {edge.target}, which shows {other.value} at the same time"
            yield self._link(node, crossed, share, why)
        yield from self._to_resource(node, edge)

    def _to_resource(self, node: Node, edge: Edge) -> Iterable[Link]:
        """Blame what has resources and nothing else: a node, a database, a volume."""
        speaks = any((edge.target, trouble) in self.measured for trouble in FAILING)
        resource = self._nodes.get((edge.target, Trouble.SATURATION))
        if resource is None or (speaks and edge.kind != "placement"):
            return
        short = min(1.0, resource.severity / _PLAIN_SHORTAGE)
        share = _BY_RESOURCE * short * coincidence(node.profile, resource.profile)
        yield self._link(node, resource, share, f"{edge.source} depends on {edge.target}, which runs short")

    def _to_named(self, node: Node) -> Iterable[Link]:
        for name, share in self._logs.blamed_by(node.entity).items():
            target = max(
                (one for one in self._troubles.get(name, ()) if one.trouble is not Trouble.DROUGHT),
                key=lambda one: one.severity * (1.5 if one.trouble in FAILING else 1.0),
                default=None,
            )
            if target is not None:
                why = f"the logs of {node.entity} name {name}"
                yield self._link(node, target, _NAMED_IN_LOGS * share, why)

    def _to_blamed(self, node: Node) -> Iterable[Link]:
        """Blame callees, by how strange they are, for what the logs put on others without a name."""
        share = _BLAMED_IN_LOGS * self._logs.others_share(node.entity)
        if not share:
            return
        callees = dict.fromkeys(edge.target for edge in self._callees.get(node.entity, ()))
        found = [
            (other, other.severity * self._of_its_own(other) * coincidence(node.profile, other.profile))
            for callee in callees
            for other in self._troubles.get(callee, ())
            if other.trouble not in (Trouble.DROUGHT, Trouble.SURGE)
        ]
        total = sum(weight for _, weight in found)
        for other, weight in found:
            why = f"the logs of {node.entity} blame what it calls"
            yield self._link(node, other, share * weight / max(total, 0.2), why)

    def _of_its_own(self, node: Node) -> float:
        """Return which share of a node's trouble is not, by its own logs, that its caller gave up."""
        return 1 - self._logs.caller_share(node.entity) if node.trouble is Trouble.ERRORS else 1.0

    def _to_surge(self, node: Node) -> Iterable[Link]:
        surge = self._nodes.get((node.entity, Trouble.SURGE))
        if surge is None or not surge.rows:
            return
        row = surge.rows[0]
        level, scale = abs(self._deviations.level[row]), self._deviations.scale[row]
        grown = float(self._deviations.excess[row, self._deviations.start :].max(initial=0.0))
        # what was not called before has not become worse: somebody began to call it
        most = _FROM_CALLERS if level < _UNUSED * grown else _BY_SURGE
        share = most * min(1.0, grown / max(level, scale, 1e-12))
        share *= coincidence(node.profile, surge.profile)
        yield self._link(node, surge, share, f"{node.entity} gets more traffic than usual")

    def _to_surging_callers(self, node: Node) -> Iterable[Link]:
        """Blame callers that send more for the load of what does not count its own traffic.

        Together they account for no more than the most alike of them does: many that grew a little by
        the time of day are no reason.
        """
        found: list[tuple[Node, float]] = []
        for caller in dict.fromkeys(self._callers.get(node.entity, ())):
            surge = self._nodes.get((caller, Trouble.SURGE))
            if surge is not None:
                found.append((surge, _ratio(surge, node) * coincidence(node.profile, surge.profile)))
        total = sum(weight for _, weight in found)
        most = max((weight for _, weight in found), default=0.0)
        for surge, weight in found:
            share = _BY_SURGE * most * weight / max(total, 1e-9)
            yield self._link(node, surge, share, f"{surge.entity} sends more traffic than usual")

    def _to_caller_that_gave_up(self, node: Node) -> Iterable[Link]:
        share = self._logs.caller_share(node.entity)
        if share:
            yield from self._to_callers(node, share, "says in its logs that the caller gave up")

    def _to_callers(self, node: Node, most: float = _FROM_CALLERS, why: str = "") -> Iterable[Link]:
        """Blame callers for the traffic they send or no longer send, by how strange they are themselves."""
        alike: list[tuple[Node, float]] = []
        for caller in dict.fromkeys(self._callers.get(node.entity, ())):
            for other in self._troubles.get(caller, ()):
                same = other.trouble is node.trouble
                if node.trouble is Trouble.SURGE and not same and other.trouble is Trouble.DROUGHT:
                    continue
                near = coincidence(node.profile, other.profile)
                alike.append((other, near * other.severity * (1.0 if same else _OTHER_KIND)))
        total = sum(weight for _, weight in alike)
        for other, weight in alike:
            text = why or f"gets its traffic from {other.entity}"
            yield self._link(node, other, most * weight / max(total, 0.5), f"{node.entity} {text}")

    def _amount(self, node: Node, callee: Node) -> float:
        """Return which part of a node's excess its callee's excess makes up, in the metrics both have.

        Where both say how many requests they serve, excess is per request times requests: a callee that
        is asked once in a hundred requests can be very slow and explain nothing.
        """
        shares: list[float] = []
        exact: list[float] = []
        names = self._deviations.table.names
        own, theirs = self._rows[node.entity], self._rows[callee.entity]
        callee_rows = {names[row]: row for row in callee.rows}
        for row in node.rows[:8]:
            calls = self._calls(own, theirs) if _is_per_request(names[row]) else None
            # a mean that is as usual explains nothing, whatever a quantile beside it does
            other = (callee_rows if calls is None else theirs).get(names[row])
            if other is None:
                continue
            mine, its = self._deviations.excess[row], self._deviations.excess[other]
            if calls is not None:
                mine, its = mine * calls[0], its * calls[1]
            total = float(mine.sum())
            if total > 0:
                # only what the callee had too much of while the caller did
                share = float(np.minimum(its, mine).sum()) / total
                (shares if calls is None else exact).append(share)
        if exact or shares:
            return float(np.mean(exact or shares))
        return _ratio(callee, node)

    def _calls(
        self, own: Mapping[str, int], theirs: Mapping[str, int]
    ) -> tuple[FloatArray, FloatArray] | None:
        series = self._deviations.series
        for name, row in own.items():
            if self._deviations.roles[row] is MetricRole.TRAFFIC and name in theirs:
                return np.nan_to_num(series[row]), np.nan_to_num(series[theirs[name]])
        return None

    @staticmethod
    def _link(node: Node, cause: Node, share: float, why: str) -> Link:
        return Link(
            effect=(node.entity, node.trouble),
            cause=(cause.entity, cause.trouble),
            share=float(share),
            why=why,
        )


def _is_per_request(name: str) -> bool:
    """Return whether a metric is a mean or a share, so that times requests gives a sum."""
    lowered = name.lower()
    quantile = any(
        word in lowered for word in ("p50", "p75", "p9", "quantile", "max", "_50", "_9", "total", "count")
    )
    return not quantile and "per_sec" not in lowered


def _ratio(cause: Node, effect: Node) -> float:
    return min(1.0, cause.severity / effect.severity) if effect.severity > 0 else 0.0


def _scaled(link: Link, factor: float) -> Link:
    return Link(effect=link.effect, cause=link.cause, share=link.share * factor, why=link.why)
