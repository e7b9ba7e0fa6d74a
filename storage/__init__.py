"""Tables, repositories, migrations. The only room that knows SQL: SQLAlchemy Core over SQLite or PostgreSQL."""
