"""What alembic runs: the migrations, all in one transaction, on the connection that it is handed."""

from alembic import context

# A fresh SQLite file is either whole or still empty, whenever the machine dies.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    transactional_ddl=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
