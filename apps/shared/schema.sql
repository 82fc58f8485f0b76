-- The table of the database workloads. Apps whose framework has migrations make the same one with theirs.
CREATE TABLE IF NOT EXISTS asset (
    id integer PRIMARY KEY,
    name varchar(80) NOT NULL,
    kind varchar(16) NOT NULL,
    site varchar(32) NOT NULL,
    value_cents integer NOT NULL,
    moves integer NOT NULL
);
