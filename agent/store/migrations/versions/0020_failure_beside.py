"""What a training that only runs beside says of failures ahead is kept too, and told to nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column(
        "failure_forecasts", sa.Column("beside", sa.Boolean(), nullable=False, server_default=sa.false())
    )
