"""What a command imports before it has anything to say: it is typed often, and must be fast."""

import subprocess
import sys

HEAVY = (
    "alembic",
    "apscheduler",
    "fastapi",
    "numpy",
    "paramiko",
    "requests",
    "sklearn",
    "sqlalchemy",
    "uvicorn",
)


def imported_by(module):
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_command_line_alone_imports_nothing_heavy():
    assert imported_by("agent.cli.main").isdisjoint(HEAVY)


def test_reading_settings_and_records_imports_nothing_heavy():
    found = imported_by("agent.config.load, agent.records, agent.livestatus")
    assert found.isdisjoint(HEAVY)
    assert "agent.config.rulefiles" not in found
