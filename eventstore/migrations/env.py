"""How alembic runs here: on the connection that it is given, inside the transaction that is open."""

from alembic import context

from eventstore.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
