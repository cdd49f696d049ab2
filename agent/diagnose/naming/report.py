"""An analysis and its conclusion in, the report as plain values out; its keys are fixed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from agent.diagnose.cause.explain import draw_path
from agent.diagnose.cause.graph import CausalGraph
from agent.diagnose.cause.propagation import describe_propagation
from agent.diagnose.cause.rootcause import RootCauseAnalysis
from agent.diagnose.naming.conclusion import Conclusion, RootCause
from agent.records.evidence import SeriesTable


def build_report(analysis: RootCauseAnalysis, conclusion: Conclusion, most_links: int) -> dict[str, Any]:
    """Return the report; at most so many nodes and links of the graph are told, the worst first."""
    return {
        "summary": conclusion.summary,
        "root_causes": [_root_cause(one) for one in conclusion.root_causes],
        "diagnosis": [
            {
                "fault": one.fault,
                "entity": one.entity,
                "confidence": one.confidence,
                "voters": dict(one.voters),
                "evidence": list(one.evidence),
            }
            for one in conclusion.findings
        ],
        "graph": _graph(analysis.graph, analysis.observed.table, most_links),
        "patterns": dict(describe_propagation(analysis)),
        "similar_cases": [
            {
                "case": one.case.id,
                "fault": one.case.fault,
                "likeness": round(one.likeness, 3),
                "summary": one.case.summary,
                "helped": list(one.case.helped),
            }
            for one in conclusion.similar
        ],
        "fingerprint": dict(conclusion.fingerprint),
        "next_question": conclusion.question,
        "notes": list(conclusion.notes),
    }


def _root_cause(one: RootCause) -> dict[str, Any]:
    return {
        "entity": one.entity,
        "score": one.score,
        "evidence": list(one.evidence),
        "against": list(one.validation.against),
        "validation": {
            "lead_s": one.validation.lead_s,
            "repaired": round(one.validation.repaired, 4),
            "fit": round(one.validation.fit, 4),
        },
        "path": draw_path(one.path),
        "path_reasons": [link.why for link in reversed(one.path)],
    }


def _graph(graph: CausalGraph, table: SeriesTable, most: int) -> dict[str, Any]:
    worst = sorted(graph.nodes.values(), key=lambda node: -node.severity)
    links = sorted((link for own in graph.links.values() for link in own), key=lambda link: -link.share)
    return {
        "nodes": [
            {
                "entity": node.entity,
                "trouble": node.trouble.value,
                "severity": round(node.severity, 4),
                "onset": _when(table, node.onset),
                "series": [table.names[row] for row in node.rows[:5]],
            }
            for node in worst[:most]
        ],
        "edges": [
            {
                "effect": [link.effect[0], link.effect[1].value],
                "cause": [link.cause[0], link.cause[1].value],
                "share": round(float(link.share), 4),
                "why": link.why,
            }
            for link in links[:most]
        ],
    }


def _when(table: SeriesTable, column: int) -> str | int | None:
    if column < 0:
        return None
    if not table.clocked:
        return column
    return datetime.fromtimestamp(float(table.times[column]), UTC).isoformat().replace("+00:00", "Z")
