select
    order_id,
    customer_id,
    store_id,
    ordered_at,
    channel,
    status,
    status = 'cancelled' as is_cancelled,
    payment_method,
    promo_code,
    shipping_fee
from {{ source('raw', 'orders') }}
