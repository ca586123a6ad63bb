"""The demo shop's raw data: the same bytes on every machine and every supported Python.

A kitchenware chain sells in stores, on the web and in an app, in four regions, from 2023-01-01 to 2025-12-31. The
numbers have the shape that real ones have: growth that differs by region, a year-end peak, strong Saturdays, shops
that open on the way, a shift to the app, promotions, cancellations, refunds, visits that lead to an order or do not.

Standard library only. What keeps it deterministic: the one source of chance is random.Random(seed).random(), whose
sequence Python promises to keep; money is counted in whole cents; no transcendental function is used, since their
last digit depends on the C library.

    python shopdata.py DIRECTORY        writes one CSV file a table and prints the digest of all of them
"""

from __future__ import annotations

import csv
import hashlib
import random
import sys
from bisect import bisect_right
from datetime import date, datetime, timedelta
from itertools import accumulate
from pathlib import Path

SEED = 20230101
FIRST_DAY = date(2023, 1, 1)
LAST_DAY = date(2025, 12, 31)
MEMBERS_SINCE = date(2022, 7, 1)  # the first customers signed up before the shop opened
CUSTOMERS = 9_000
OPENING_CUSTOMERS = 2_400

# Column names and DuckDB types, in the order of the CSV columns. An empty CSV cell is NULL.
TABLES: dict[str, dict[str, str]] = {
    "regions": {"region_id": "INTEGER", "region_name": "VARCHAR", "area": "VARCHAR"},
    "stores": {
        "store_id": "INTEGER", "store_name": "VARCHAR", "store_type": "VARCHAR", "region_id": "INTEGER",
        "opened_on": "DATE", "floor_area_sqm": "INTEGER",
    },
    "products": {
        "product_id": "INTEGER", "product_name": "VARCHAR", "category": "VARCHAR", "supplier": "VARCHAR",
        "is_own_brand": "BOOLEAN", "list_price": "DECIMAL(12,2)", "unit_cost": "DECIMAL(12,2)", "launched_on": "DATE",
    },
    "customers": {
        "customer_id": "INTEGER", "first_name": "VARCHAR", "last_name": "VARCHAR", "email": "VARCHAR",
        "segment": "VARCHAR", "loyalty_tier": "VARCHAR", "acquisition_channel": "VARCHAR", "region_id": "INTEGER",
        "signed_up_at": "TIMESTAMP",
    },
    "orders": {
        "order_id": "INTEGER", "customer_id": "INTEGER", "store_id": "INTEGER", "ordered_at": "TIMESTAMP",
        "channel": "VARCHAR", "status": "VARCHAR", "payment_method": "VARCHAR", "promo_code": "VARCHAR",
        "shipping_fee": "DECIMAL(12,2)",
    },
    "order_items": {
        "order_item_id": "INTEGER", "order_id": "INTEGER", "product_id": "INTEGER", "quantity": "INTEGER",
        "unit_price": "DECIMAL(12,2)", "discount_amount": "DECIMAL(12,2)", "unit_cost": "DECIMAL(12,2)",
    },
    "refunds": {
        "refund_id": "INTEGER", "order_item_id": "INTEGER", "refunded_at": "TIMESTAMP", "amount": "DECIMAL(12,2)",
        "reason": "VARCHAR",
    },
    "visits": {
        "visit_id": "INTEGER", "customer_id": "INTEGER", "visited_at": "TIMESTAMP", "device": "VARCHAR",
        "traffic_source": "VARCHAR", "pages_viewed": "INTEGER",
    },
}

# name, area, share of the orders at the start, growth over the three years
REGIONS = [
    ("North", "Inland", 0.27, 0.18),
    ("South", "Coast", 0.31, 0.52),
    ("East", "Inland", 0.24, 0.38),
    ("West", "Coast", 0.18, 1.15),
]

# name, type, region index, opened on, floor area (none for a warehouse that serves web and app), weight
STORES = [
    ("Alderby", "flagship", 0, date(2019, 3, 9), 820, 5),
    ("Kestrel Bridge", "standard", 0, date(2020, 6, 20), 410, 3),
    ("Frostholm", "standard", 0, date(2021, 9, 4), 380, 3),
    ("Pinemoor Outlet", "outlet", 0, date(2024, 4, 13), 560, 2),
    ("Marina Vale", "flagship", 1, date(2018, 5, 12), 940, 6),
    ("Saltwick", "standard", 1, date(2020, 2, 29), 450, 3),
    ("Orangery Row", "standard", 1, date(2022, 10, 1), 360, 3),
    ("Cape Linden", "standard", 1, date(2023, 9, 16), 400, 2),
    ("Millrace", "flagship", 2, date(2019, 11, 2), 760, 5),
    ("Copperfield Lane", "standard", 2, date(2021, 4, 17), 420, 3),
    ("Dunmere", "standard", 2, date(2023, 5, 6), 390, 2),
    ("Harbour Steps", "flagship", 3, date(2021, 6, 5), 880, 5),
    ("Westering", "standard", 3, date(2022, 8, 27), 430, 3),
    ("Gullhaven", "standard", 3, date(2024, 3, 2), 370, 3),
    ("Tidewater Outlet", "outlet", 3, date(2025, 2, 15), 610, 2),
    ("North Dispatch", "online", 0, date(2020, 1, 1), None, 0),
    ("South Dispatch", "online", 1, date(2020, 1, 1), None, 0),
    ("East Dispatch", "online", 2, date(2020, 1, 1), None, 0),
    ("West Dispatch", "online", 3, date(2021, 6, 1), None, 0),
]

# category, lowest and highest list price in cents, cost as a share of the price, weight by month, product nouns
EVEN = [1.0] * 12
WINTER = [1.4, 1.3, 1.1, 0.9, 0.8, 0.7, 0.7, 0.7, 0.9, 1.1, 1.3, 1.5]
SUMMER = [0.7, 0.7, 0.9, 1.1, 1.3, 1.5, 1.5, 1.3, 1.1, 0.9, 0.7, 0.8]
YEAR_END = [0.6, 0.9, 0.8, 0.8, 1.0, 0.8, 0.7, 0.7, 0.8, 1.0, 1.7, 2.6]
CATEGORIES = [
    ("Coffee", 890, 3490, 0.52, EVEN, ["Espresso Beans", "Filter Beans", "Decaf Beans", "Cold Brew Bags"]),
    ("Tea", 590, 2890, 0.45, WINTER, ["Green Tea", "Black Tea", "Herbal Tea", "Chai Blend"]),
    ("Cookware", 2490, 16900, 0.58, EVEN, ["Saucepan", "Frying Pan", "Casserole", "Wok"]),
    ("Tableware", 790, 6900, 0.49, EVEN, ["Dinner Plate", "Soup Bowl", "Mug", "Serving Dish"]),
    ("Appliances", 3990, 29900, 0.67, YEAR_END, ["Kettle", "Grinder", "Toaster", "Hand Blender"]),
    ("Baking", 690, 4490, 0.5, WINTER, ["Cake Tin", "Rolling Pin", "Mixing Bowl", "Loaf Pan"]),
    ("Textiles", 990, 4990, 0.43, EVEN, ["Tea Towel", "Apron", "Table Runner", "Napkin Set"]),
    ("Outdoor", 1290, 9900, 0.55, SUMMER, ["Picnic Set", "Grill Tongs", "Camp Pot", "Cooler Jug"]),
]
STYLES = ["Classic", "Nordic", "Harvest", "Studio"]
OWN_BRAND = "Fernwood Workshop"
SUPPLIERS = ["Brookline Trading", "Castor & Vine", "Halden Works", "Lumen Goods"]

FIRST_NAMES = (
    "Ada Ben Cleo Dario Elin Farid Greta Hugo Ines Jonas Kira Leon Mina Nils Olga Pavel Quinn Rosa Samir Tilda "
    "Umar Vera Wanda Xenia Yusuf Zoe Anton Bela Carmen Dunja Emil Flora Gustav Hanna Ivan Judith Karim Lotte Milo Nora"
).split()
LAST_NAMES = (
    "Abbot Barlow Carver Dalton Ekman Fischer Garland Hobbs Iversen Jansen Keller Lindqvist Moreau Novak Okafor "
    "Petrov Quiroga Rossi Sorensen Thatcher Ueda Varga Whitlock Xu Yilmaz Zeller Ashdown Brandt Costa Duval "
    "Engel Farrow Gomez Hansen Ibarra Joshi Kovacs Larsen Mensah Nakata"
).split()

MONTHS = [0.86, 0.84, 0.92, 0.95, 1.0, 0.96, 0.9, 0.88, 0.97, 1.04, 1.28, 1.52]
WEEKDAYS = [0.82, 0.8, 0.86, 0.94, 1.14, 1.42, 1.02]  # Monday first
ORDERS_A_DAY = 44.0
VISITS_WITHOUT_ORDER_A_DAY = 62.0
PROMOTIONS = {3: ("SPRING10", 10), 4: ("SPRING10", 10), 9: ("HARVEST15", 15), 11: ("HOLIDAY20", 20), 12: ("HOLIDAY20", 20)}


class Dice:
    """The only source of chance."""

    def __init__(self, seed: int) -> None:
        self.roll = random.Random(seed).random

    def between(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return low + int(self.roll() * (high - low + 1))

    def pick(self, options: "Weighted"):
        return options.at(self.roll())

    def count(self, expected: float) -> int:
        """How many of something happen when `expected` do on average, spread by a quarter either way."""
        x = expected * (0.75 + 0.5 * self.roll())
        n = int(x)
        return n + (self.roll() < x - n)


class Weighted:
    """Options, each with a weight."""

    def __init__(self, options: list, weights: list) -> None:
        self.options = options
        self.bounds = list(accumulate(weights))

    def at(self, u: float):
        return self.options[bisect_right(self.bounds, u * self.bounds[-1])]


def weighted(**weights: float) -> Weighted:
    """Options by name; the name "none" stands for an absent value."""
    return Weighted([None if k == "none" else k for k in weights], list(weights.values()))


SEGMENTS = weighted(consumer=78, business=14, trade=8)
TIERS = weighted(none=46, bronze=28, silver=17, gold=9)
ACQUISITION = weighted(store=34, organic_search=24, paid_search=16, social=14, referral=12)
PAYMENT = {
    "store": weighted(card=68, cash=22, gift_card=4, mobile_wallet=6),
    "web": weighted(card=55, invoice=12, gift_card=5, mobile_wallet=28),
    "app": weighted(card=34, invoice=3, gift_card=5, mobile_wallet=58),
}
DEVICES = weighted(mobile=56, desktop=37, tablet=7)
SOURCES = weighted(direct=30, organic_search=28, paid_search=15, email=15, social=12)
REASONS = weighted(changed_mind=38, damaged=22, wrong_item=14, late_delivery=12, quality=14)
STORE_HOURS = Weighted(list(range(9, 20)), [3, 5, 8, 9, 8, 7, 8, 10, 12, 9, 4])
ONLINE_HOURS = Weighted(list(range(24)), [3, 2, 1, 1, 1, 1, 2, 4, 6, 7, 7, 8, 9, 8, 7, 7, 8, 9, 11, 14, 16, 15, 10, 6])


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def percent(cents: int, rate: int) -> int:
    """rate per cent of an amount, halves rounded up."""
    return (cents * rate + 50) // 100


def days(first: date, last: date):
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


class Shop:
    """All tables, as lists of rows in the column order of TABLES."""

    def __init__(self, seed: int = SEED) -> None:
        self.dice = Dice(seed)
        self.tables: dict[str, list] = {name: [] for name in TABLES}
        self._regions_and_stores()
        self._products()
        self._customers()
        self._trade()
        self._number_visits()

    def _regions_and_stores(self) -> None:
        self.tables["regions"] = [(i + 1, name, area) for i, (name, area, _, _) in enumerate(REGIONS)]
        self.tables["stores"] = [
            (i + 1, name, kind, region + 1, opened, sqm) for i, (name, kind, region, opened, sqm, _) in enumerate(STORES)
        ]

    def _products(self) -> None:
        dice, rows = self.dice, self.tables["products"]
        self.by_category: list[Weighted] = []
        for category, low, high, cost, _, nouns in CATEGORIES:
            ids, popularity = [], []
            for noun in nouns:
                for style in STYLES:
                    price = dice.between(low, high) // 50 * 50 + 45  # prices end in .45 or .95
                    share = cost * (0.9 + 0.2 * dice.roll())
                    own = dice.roll() < 0.3
                    supplier = OWN_BRAND if own else SUPPLIERS[dice.between(0, len(SUPPLIERS) - 1)]
                    launched = date(2022, 1, 1) if dice.roll() < 0.8 else FIRST_DAY + timedelta(days=dice.between(0, 900))
                    rows.append((
                        len(rows) + 1, f"{style} {noun}", category, supplier, own, price, int(price * share), launched,
                    ))
                    ids.append(len(rows))
                    popularity.append(dice.between(1, 9))
            self.by_category.append(Weighted(ids, popularity))
        self.categories_in = [Weighted(self.by_category, [c[4][m] for c in CATEGORIES]) for m in range(12)]

    def _customers(self) -> None:
        dice = self.dice
        opening = [
            MEMBERS_SINCE + timedelta(days=dice.between(0, (FIRST_DAY - MEMBERS_SINCE).days - 1))
            for _ in range(OPENING_CUSTOMERS)
        ]
        calendar = list(days(FIRST_DAY, LAST_DAY))
        pace = Weighted(calendar, [MONTHS[d.month - 1] * (1 + n / 1600) for n, d in enumerate(calendar)])
        later = [dice.pick(pace) for _ in range(CUSTOMERS - OPENING_CUSTOMERS)]
        home = Weighted(list(range(len(REGIONS))), [share * (1 + growth / 2) for _, _, share, growth in REGIONS])
        self.signups: list[list[tuple[date, int]]] = [[] for _ in REGIONS]  # by home region, in order of time
        self.segment: list[str] = [""]
        for i, day in enumerate(sorted(opening + later), start=1):
            first, last = FIRST_NAMES[dice.between(0, 39)], LAST_NAMES[dice.between(0, 39)]
            region, segment = dice.pick(home), dice.pick(SEGMENTS)
            self.tables["customers"].append((
                i, first, last, f"{first}.{last}.{i}@example.com".lower(), segment, dice.pick(TIERS),
                dice.pick(ACQUISITION), region + 1, self._moment(day, ONLINE_HOURS),
            ))
            self.signups[region].append((day, i))
            self.segment.append(segment)

    def _moment(self, day: date, hours: Weighted) -> datetime:
        dice = self.dice
        return datetime(day.year, day.month, day.day, dice.pick(hours), dice.between(0, 59), dice.between(0, 59))

    def _trade(self) -> None:
        """Walks through the calendar: the customers of the day, their orders, the visits that led to nothing."""
        known: list[list[int]] = [[] for _ in REGIONS]
        arrived = [0] * len(REGIONS)
        self.ordered_before: set[int] = set()
        self.visited: set[tuple[int, date]] = set()
        for n, day in enumerate(days(FIRST_DAY, LAST_DAY)):
            for r, signups in enumerate(self.signups):
                while arrived[r] < len(signups) and signups[arrived[r]][0] < day:
                    known[r].append(signups[arrived[r]][1])
                    arrived[r] += 1
            season = MONTHS[day.month - 1] * WEEKDAYS[day.weekday()]
            elapsed = n / 1096
            for r, (_, _, share, growth) in enumerate(REGIONS):
                pace = share * (1 + growth * elapsed) * season
                for _ in range(self.dice.count(ORDERS_A_DAY * pace)):
                    self._order(day, r, elapsed, known)
                for _ in range(self.dice.count(VISITS_WITHOUT_ORDER_A_DAY * pace)):
                    self._visit(self._customer(known[r]), self._moment(day, ONLINE_HOURS))

    def _customer(self, known: list[int]) -> int:
        """One of the customers of a region, rather one who signed up lately."""
        u = self.dice.roll()
        return known[-1 - int(u * (0.4 + 0.6 * u) * len(known))]

    def _order(self, day: date, region: int, elapsed: float, known: list[list[int]]) -> None:
        dice, rows = self.dice, self.tables["orders"]
        app, web = 0.06 + 0.16 * elapsed, 0.24 + 0.06 * elapsed
        u = dice.roll()
        channel = "app" if u < app else "web" if u < app + web else "store"
        home = region if channel != "store" or dice.roll() < 0.93 else dice.between(0, len(REGIONS) - 1)
        customer = self._customer(known[home])
        moment = self._moment(day, STORE_HOURS if channel == "store" else ONLINE_HOURS)
        if channel != "store":
            self._visit_before(customer, moment)
        code, rate = self._promotion(customer, day.month)
        order_id = len(rows) + 1
        total = self._lines(order_id, customer, moment, rate, channel)
        u = dice.roll()
        status = "cancelled" if u < (0.05 if channel != "store" else 0.012) else "completed"
        fee = 0 if channel == "store" or total >= 5000 else 495
        rows.append((
            order_id, customer, self._store(region, day, channel), moment, channel, status, dice.pick(PAYMENT[channel]),
            code, money(fee),
        ))
        if status == "completed":
            self.ordered_before.add(customer)
            self._refunds(channel)

    def _store(self, region: int, day: date, channel: str) -> int:
        if channel != "store":
            return next(i for i, s in enumerate(STORES, 1) if s[2] == region and s[1] == "online")
        doors = [(i, s[5]) for i, s in enumerate(STORES, 1) if s[2] == region and s[5] and s[3] <= day]
        return Weighted([i for i, _ in doors], [w for _, w in doors]).at(self.dice.roll())

    def _promotion(self, customer: int, month: int) -> tuple[str | None, int]:
        if customer not in self.ordered_before and self.dice.roll() < 0.5:
            return "WELCOME10", 10
        if month in PROMOTIONS and self.dice.roll() < 0.3:
            return PROMOTIONS[month]
        return None, 0

    def _lines(self, order_id: int, customer: int, moment: datetime, rate: int, channel: str) -> int:
        """Adds the order's lines, kept for a refund as well; returns what they come to, in cents."""
        dice, rows, products = self.dice, self.tables["order_items"], self.tables["products"]
        u = dice.roll()
        wanted = 1 if u < 0.34 else 2 if u < 0.62 else 3 if u < 0.82 else 4 if u < 0.93 else 5
        inflation = 100 + 3 * (moment.year - FIRST_DAY.year)
        self.lines, chosen, total = [], set(), 0
        for _ in range(wanted):
            product = self._on_sale(moment.date(), chosen)
            if product is None:
                continue
            _, _, _, _, _, price, cost, _ = products[product - 1]
            chosen.add(product)
            quantity = 1 if dice.roll() < 0.72 else dice.between(2, 4)
            if self.segment[customer] == "trade" and dice.roll() < 0.4:
                quantity += dice.between(3, 8)
            unit = percent(price, inflation)
            discount = percent(unit * quantity, rate)
            rows.append((
                len(rows) + 1, order_id, product, quantity, money(unit), money(discount), money(percent(cost, inflation)),
            ))
            self.lines.append((len(rows), unit * quantity - discount, moment))
            total += unit * quantity - discount
        return total

    def _on_sale(self, day: date, chosen: set[int]) -> int | None:
        """A product that is on sale and not on the order yet; None when chance finds none, never on an empty order."""
        while True:
            product = self.dice.pick(self.dice.pick(self.categories_in[day.month - 1]))
            if product not in chosen and self.tables["products"][product - 1][-1] <= day:
                return product
            if chosen and self.dice.roll() < 0.3:
                return None

    def _refunds(self, channel: str) -> None:
        dice, rows = self.dice, self.tables["refunds"]
        for item, amount, moment in self.lines:
            if dice.roll() >= (0.028 if channel == "store" else 0.068):
                continue
            when = moment + timedelta(days=dice.between(1, 30), seconds=dice.between(0, 20_000))
            part = 100 if dice.roll() < 0.8 else 50
            reason = dice.pick(REASONS)
            if when.date() <= LAST_DAY:
                rows.append((len(rows) + 1, item, when, money(percent(amount, part)), reason))

    def _visit_before(self, customer: int, moment: datetime) -> None:
        """What came before an order: a visit minutes earlier, or days earlier, or none that was seen."""
        u = self.dice.roll()
        if u < 0.66:
            self._visit(customer, moment - timedelta(minutes=self.dice.between(4, 90)))
        elif u < 0.94:
            self._visit(customer, moment - timedelta(days=self.dice.between(1, 12), minutes=self.dice.between(0, 300)))

    def _visit(self, customer: int, moment: datetime) -> None:
        """Adds a visit. A customer has one a day at most, so that an order's latest visit is never a tie of two."""
        if moment.date() < FIRST_DAY or (customer, moment.date()) in self.visited:
            return
        self.visited.add((customer, moment.date()))
        dice = self.dice
        pages = 1 + int(11 * dice.roll() * dice.roll())
        self.tables["visits"].append((0, customer, moment, dice.pick(DEVICES), dice.pick(SOURCES), pages))

    def _number_visits(self) -> None:
        visits = sorted(self.tables["visits"], key=lambda v: v[2])
        self.tables["visits"] = [(i, *v[1:]) for i, v in enumerate(visits, start=1)]
        self.tables["products"] = [
            (*p[:5], money(p[5]), money(p[6]), p[7]) for p in self.tables["products"]
        ]


def write(directory: Path) -> str:
    """Writes DIRECTORY/<table>.csv for every table and returns the SHA-256 over all of them, in the order of TABLES."""
    digest = hashlib.sha256()
    for name, rows in Shop().tables.items():
        path = directory / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(TABLES[name])
            out.writerows(rows)
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    print(write(target))
