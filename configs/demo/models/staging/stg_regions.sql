select
    region_id,
    region_name as name,
    area
from {{ source('raw', 'regions') }}
