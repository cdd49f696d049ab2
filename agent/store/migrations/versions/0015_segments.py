"""Old entries of the audit may leave its table once they are sealed into a file; nothing else may."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "audit_segments",
        sa.Column("first_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("first_id", name=op.f("pk_audit_segments")),
    )
    op.execute("drop trigger audit_no_delete")
    op.execute(
        "create trigger audit_no_delete before delete on audit when not exists "
        "(select 1 from audit_segments where old.id between first_id and last_id) "
        "begin select raise(abort, 'the audit is append-only'); end"
    )
    for deed in ("update", "delete"):
        op.execute(
            f"create trigger audit_segments_no_{deed} before {deed} on audit_segments "
            "begin select raise(abort, 'the audit is append-only'); end"
        )
