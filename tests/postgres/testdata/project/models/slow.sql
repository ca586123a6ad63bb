{{ config(materialized='view') }}
select 1 as slow_id, date '2025-01-01' as happened_on, (select 1 from pg_sleep(600)) as n
