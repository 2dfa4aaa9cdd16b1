"""Access to the database: connections, the writer thread, the lease, migrations, the event spill."""
