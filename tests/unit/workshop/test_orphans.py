"""What leads nowhere."""

from dataclasses import replace

from agent.config import load_cases, load_rules
from agent.decide import load_catalog
from agent.workshop.orphans import orphans


def test_every_stock_fault_is_found_by_a_rule_or_case_and_fixed_by_a_remediation(root):
    book = load_rules([root / "rules"])
    catalog = load_catalog([root / "playbooks"], book.faults)
    assert list(orphans(book, catalog, load_cases([root / "rules"], book.faults))) == []


def test_a_fault_without_rules_and_one_without_a_remediation_are_named(root):
    book = load_rules([root / "rules"])
    catalog = load_catalog([root / "playbooks"], book.faults)
    rules = {id_: rule for id_, rule in book.rules.items() if rule.fault != "log_flood"}
    del catalog["free_inodes"]
    found = list(orphans(replace(book, rules=rules), catalog))
    assert "no rule and no case finds log_flood, so rotate_flooding_log is never chosen for it" in found
    assert "no remediation fixes inodes_exhausted" in found
    assert "no rule looks at signal log_growth, and it is not learned either" in found
