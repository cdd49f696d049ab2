"""What is asked before every run, and at every turn, stays quick after years of runs."""

from alembic import op

revision = "0003"
down_revision = "0002"

_INDEXES = (
    ("incidents", "fault", "entity"),
    ("incidents", "symptomatic", "state"),
    ("runs", "created_at"),
    ("runs", "verdict"),
    ("runs", "remediation", "created_at"),
    ("runs", "remediation", "verified_at"),
    ("runs", "remediation", "fault", "verdict", "started_at"),
)


def upgrade() -> None:
    for table, *columns in _INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)
