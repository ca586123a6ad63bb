select
    product_id,
    product_name as name,
    category,
    supplier,
    is_own_brand,
    list_price,
    unit_cost,
    launched_on
from {{ source('raw', 'products') }}
