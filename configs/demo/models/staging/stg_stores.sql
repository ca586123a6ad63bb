select
    store_id,
    store_name as name,
    store_type as format,
    region_id,
    opened_on,
    floor_area_sqm
from {{ source('raw', 'stores') }}
