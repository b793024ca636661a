"""How Alembic reaches the database: always over the connection that `ivr.store.migrate` hands it."""

from alembic import context

from ivr.store.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
context.run_migrations()
