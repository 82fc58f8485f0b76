"""``python -m schema``: make the table of the database workloads, for apps without migrations."""

from pathlib import Path

import psycopg
import settings

if __name__ == "__main__":
    with psycopg.connect(settings.DATABASE_URL) as connection:
        connection.execute(Path(__file__).with_name("schema.sql").read_text())
