-- Ends with the data: a cumulative metric has a row for every day of the spine.
select cast(day as date) as date_day
from generate_series(date '2022-07-01', date '2025-12-31', interval '1 day') as days (day)
