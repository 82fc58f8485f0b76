-- 10,000 assets that can be told from their id alone: a client checks every answer. loadtests/common/database.py knows the rule.
-- Reads go to the first half, writes to the second, so that what is read never changes.
TRUNCATE asset;
INSERT INTO asset (id, name, kind, site, value_cents, moves)
SELECT
    n,
    'asset-' || lpad(n::text, 5, '0'),
    (ARRAY['laptop', 'monitor', 'phone', 'printer', 'server'])[n % 5 + 1],
    (ARRAY['berlin', 'lisbon', 'nairobi', 'osaka', 'quito', 'riga', 'tunis'])[n % 7 + 1],
    1000 + n * 7919 % 100000,
    0
FROM generate_series(1, 10000) AS n;
ANALYZE asset;
