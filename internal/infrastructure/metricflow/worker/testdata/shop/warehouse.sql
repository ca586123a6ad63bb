-- A shop small enough to answer by hand, with values that an engine or a pipe could get wrong.
CREATE SCHEMA shop;
CREATE TABLE shop.days AS SELECT range::TIMESTAMP AS day FROM range(TIMESTAMP '2023-01-01', TIMESTAMP '2025-01-01', INTERVAL 1 DAY);
CREATE TABLE shop.regions (region_id INTEGER, country VARCHAR);
INSERT INTO shop.regions VALUES (1, 'DE'), (2, 'FR'), (3, NULL);
CREATE TABLE shop.customers (customer_id INTEGER, region_id INTEGER, name VARCHAR, tier VARCHAR);
INSERT INTO shop.customers VALUES
  (1, 1, 'O''Brien', 'gold'),
  (2, 1, 'back\slash \'' quote', 'silver'),
  (3, 2, '{{ 1 + 1 }} {% raw %} {# note #} {{{', 'gold'),
  (4, 2, ''' OR 1=1 --', 'silver'),
  (5, 3, '‘curly’ „quotes“ ＇', NULL),
  (6, 3, '100% _sure_; DROP TABLE shop.orders', 'bronze');
CREATE TABLE shop.orders (
  order_id BIGINT, customer_id INTEGER, ordered_at TIMESTAMP, packed_at TIMESTAMP, channel VARCHAR, gift BOOLEAN,
  items BIGINT, tags VARCHAR[], delivery TIME, amount DECIMAL(38, 9), weight DOUBLE);
INSERT INTO shop.orders VALUES
  (1, 1, '2024-01-01', '2024-01-01 08:00:00.125', 'web', true, 2, ['a', 'b'], '09:30:00', 12345678901234567890.123456789, 1.5),
  (2, 2, '2024-01-15', '2024-01-15 09:00:00', 'shop', false, 1, [], NULL, 0.000000001, 2.25),
  (3, 3, '2024-02-01', NULL, 'web', NULL, 9007199254740993, NULL, '23:59:59', 20, 'inf'),
  (4, 4, '2024-02-29', '2024-02-29 23:59:59', NULL, false, 4, ['c'], NULL, -5.5, 'nan'),
  (5, 5, '2024-03-10', NULL, 'web', true, 5, NULL, NULL, NULL, NULL),
  (6, 6, '2024-03-11', NULL, 'shop', true, 6, NULL, NULL, 1, 3);
CREATE VIEW shop.endless AS
  SELECT (a.range * b.range) % 7 AS n, TIMESTAMP '2024-01-01' AS at FROM range(100000000) a, range(100000000) b;
