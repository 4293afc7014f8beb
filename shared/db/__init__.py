"""PostgreSQL: the engine, the unit of work with inbox and outbox, dead letters, stored answers, migrations, and the embedded server."""
