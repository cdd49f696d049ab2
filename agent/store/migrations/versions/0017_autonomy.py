"""How much the agent may do by itself with a remediation follows from what came of its runs."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "autonomy_steps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("remediation", sa.String(64), nullable=False),
        sa.Column("fault", sa.String(64), nullable=False),
        sa.Column("up", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_autonomy_steps")),
        sa.UniqueConstraint("run_id", name=op.f("uq_autonomy_steps_run_id")),
    )
    op.create_index(
        op.f("ix_autonomy_steps_remediation_fault"), "autonomy_steps", ["remediation", "fault"], unique=False
    )
