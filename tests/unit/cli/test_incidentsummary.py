"""``opsmend incident show`` without --all: what is wrong, what was done and what is next, on one screen."""

from datetime import timedelta

import pytest
from rich.cells import cell_len

from agent.cli.incidentsummary import HEIGHT, WIDTH, screen
from agent.reasons import Reason
from agent.records import IncidentState
from agent.records.investigations import Investigation
from tests import make
from tests.hostile import corpus
from tests.make import NOW

LATER = NOW + timedelta(minutes=5)
WIDE = ["主机" * 60, "e\u0301" * 90, "\N{FIRE} \N{FIRE}" * 60, f"磁盘已满 {'ｗ' * 90} 数据库"]


def found_out(entity, *evidence, score=0.9):
    cause = {"entity": entity, "score": score, "evidence": evidence, "against": [], "path": ""}
    return Investigation(incident_id=1, at=NOW, report={"root_causes": [cause], "summary": "s"})


def test_it_says_what_is_wrong_what_was_done_and_what_is_next():
    incident = make.incident(state=IncidentState.ESCALATED, reason=Reason.NO_REMEDIATION)
    lines = screen(incident, [], None, found_out("web1", "the disk is full"), LATER)
    assert [line.split()[0] for line in lines if not line.startswith(" ")][2:] == [
        "What", "Harm", "Cause", "Done", "Next", "History,",
    ]  # fmt: skip
    assert lines[-1].endswith("--all")
    assert any("because the disk is full" in line for line in lines)


@pytest.mark.parametrize("value", [*corpus()[:20], "x" * 500, "word " * 300, "a\nb\n" * 50, *WIDE])
def test_whatever_the_texts_are_it_fits_a_screen(value):
    text = value.strip() or "x"
    candidate = make.candidate(evidence=(text,), symptoms=(make.symptom("free", text=text),) * 5)
    incident = make.incident(candidate, title=text, detail=text)
    lines = screen(incident, [make.run(detail=text)], None, found_out(text, text, text, text), LATER)
    assert len(lines) <= HEIGHT
    assert max(map(cell_len, lines)) <= WIDTH


def test_a_cause_elsewhere_of_which_nobody_is_sure_is_left_out():
    lines = screen(make.incident(), [], None, found_out("web9", "it rose", score=0.2), LATER)
    assert not any("web9" in line for line in lines)
