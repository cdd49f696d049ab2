"""Where alembic gets its connection: the store hands one in."""

from alembic import context

from agent.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the store's own transaction is around it already
)
context.run_migrations()
