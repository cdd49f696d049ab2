"""What people ask for and what did it are called as everywhere else."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("alter table runs rename column effect to attribution")
    op.drop_index("ix_wishes_incident_id", table_name="wishes")
    op.rename_table("wishes", "run_requests")
    op.create_index("ix_run_requests_incident_id", "run_requests", ["incident_id"], unique=False)
