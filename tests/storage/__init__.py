"""Tables, counting, migrations."""
