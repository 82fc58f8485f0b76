"""What Alembic runs for ``flask db``: the app's own engine and models, in one transaction."""

from alembic import context
from flask import current_app
from sqlalchemy import text

# any number, as long as nothing else in this database uses it
_LOCK = 7_402_211

migrate = current_app.extensions["migrate"]


def run_offline() -> None:
    """Write the statements instead of sending them (``flask db upgrade --sql``)."""
    context.configure(
        url=migrate.db.engine.url, target_metadata=migrate.db.metadata, literal_binds=True
    )
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Migrate; of several instances that start together one does it and the others wait."""
    with migrate.db.engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=migrate.db.metadata, **migrate.configure_args
        )
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
