"""An effect that outlasts its cause is an incident of its own and knows which one it was part of.

People are told once of each fault that joins an incident they have: a message knows which it is about.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("incidents", sa.Column("parent_id", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_incidents_parent_id"), "incidents", ["parent_id"], unique=False)
    op.add_column("notifications", sa.Column("subject", sa.Text(), nullable=False, server_default=""))
