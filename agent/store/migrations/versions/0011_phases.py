"""What is to be done about a run is kept with it; a yes, a request and a pause are rights with an end."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_EMPTY_MAP = sa.text("'{}'")
_NO, _ZERO = sa.text("0"), sa.text("0")


def upgrade() -> None:
    _runs()
    _hosts()
    _people()
    op.add_column("incidents", sa.Column("waits_until", sa.DateTime(timezone=True)))
    op.create_table(
        "in_force",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_in_force")),
    )


def _runs() -> None:
    op.add_column("runs", sa.Column("phase", sa.String(16), nullable=False, server_default="over"))
    op.add_column("runs", sa.Column("tries", sa.Integer(), nullable=False, server_default=_ZERO))
    op.add_column("runs", sa.Column("evidence_at", sa.DateTime(timezone=True)))
    op.add_column("runs", sa.Column("relapsed_at", sa.DateTime(timezone=True)))
    op.add_column("runs", sa.Column("tells", sa.Boolean(), nullable=False, server_default=_NO))
    op.execute(
        """update runs set phase = case
            when verdict <> 'pending' then 'over'
            when state = 'intended' then 'intended'
            when state = 'running' then 'running'
            else 'verifying' end"""
    )
    op.execute(
        """update runs set tells = verdict <> 'pending' and started_at is not null and (verdict = 'recovered'
            or coalesce(reason, '') not in ('interrupted', 'canceled', 'host_unreachable'))"""
    )
    op.create_index(op.f("ix_runs_phase"), "runs", ["phase"], unique=False)
    op.create_index(op.f("ix_runs_fault_entity"), "runs", ["fault", "entity"], unique=False)


def _hosts() -> None:
    # until its inventory says otherwise a host is what it is called
    op.rename_table("run_hosts", "old_run_hosts")
    op.drop_index("ix_run_hosts_host", table_name="old_run_hosts")
    op.create_table(
        "run_hosts",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_run_hosts_run_id_runs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "identity", name=op.f("pk_run_hosts")),
    )
    op.create_index(op.f("ix_run_hosts_identity"), "run_hosts", ["identity"], unique=False)
    op.execute("insert into run_hosts select run_id, host, host from old_run_hosts")
    op.drop_table("old_run_hosts")
    op.drop_table("host_locks")
    op.create_table(
        "host_locks",
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_host_locks_run_id_runs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("identity", name=op.f("pk_host_locks")),
    )
    # hosts are locked until the verdict; of two runs that wait for theirs on one host the newer has it
    op.execute(
        """insert into host_locks select h.identity, h.host, max(h.run_id) from run_hosts h
            join runs r on r.id = h.run_id where r.phase <> 'over' group by h.identity"""
    )


def _people() -> None:
    op.drop_index("ix_run_requests_incident_id", table_name="run_requests")
    op.rename_table("run_requests", "old_run_requests")
    op.create_table(
        "run_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("remediation", sa.String(64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("override_cooldown", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("run_id", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_run_requests_incident_id_incidents"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_run_requests_run_id_runs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_requests")),
    )
    op.execute(
        """insert into run_requests select id, incident_id, remediation, actor,
            json_object('name', actor), '', 0, at,
            case when answer is null then 'expired' else 'answered' end, coalesce(answer, ''), at, null
            from old_run_requests"""
    )
    op.drop_table("old_run_requests")
    op.create_index(op.f("ix_run_requests_incident_id"), "run_requests", ["incident_id"], unique=False)
    op.create_index(op.f("ix_run_requests_state"), "run_requests", ["state"], unique=False)
    with op.batch_alter_table("approvals", table_kwargs={"sqlite_autoincrement": True}) as approvals:
        for column, table in (("request_id", "run_requests"), ("run_id", "runs")):
            approvals.add_column(sa.Column(column, sa.Integer()))
            name = op.f(f"fk_approvals_{column}_{table}")
            approvals.create_foreign_key(name, table, [column], ["id"], ondelete="CASCADE")
    # a yes of before is no right any more: it may have been used
    op.execute("update approvals set state = 'withdrawn' where state = 'approved'")
    op.add_column("votes", sa.Column("person", sa.Text(), nullable=False, server_default=_EMPTY_MAP))
    op.execute("update votes set person = json_object('name', actor)")
    op.add_column("pauses", sa.Column("scope", sa.Text(), nullable=False, server_default=_EMPTY_MAP))
