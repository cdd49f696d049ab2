"""A message to several URLs knows which of them have it, so that none is told twice."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("notifications", sa.Column("delivered", sa.Text(), nullable=False, server_default="[]"))
