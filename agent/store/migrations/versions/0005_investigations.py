"""What was found out about an incident is called an investigation, in the store as elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "investigations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("probes", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_investigations_incident_id_incidents"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_investigations")),
    )
    op.execute("INSERT INTO investigations SELECT * FROM inquiries")
    op.drop_table("inquiries")
    op.create_index(op.f("ix_investigations_incident_id"), "investigations", ["incident_id"], unique=False)
    # a voter's record goes by its name
    op.execute("""UPDATE incidents SET diagnosis = replace(diagnosis, '"inquiry ', '"investigation ')""")
