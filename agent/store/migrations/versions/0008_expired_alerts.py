"""An alert that nobody repeated, or whose data ended, has not been seen to end."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("alerts", sa.Column("expired", sa.Boolean(), nullable=False, server_default=sa.false()))
