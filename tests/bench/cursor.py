"""Time a statement on a bare cursor: python cursor.py WAREHOUSE RUNS, the statement on standard input."""

import json
import statistics
import sys
import time

import duckdb

connection = duckdb.connect(sys.argv[1], read_only=True)
statement = sys.stdin.read()
took = []
for _ in range(int(sys.argv[2])):
    begun = time.perf_counter()
    connection.execute(statement)
    connection.fetchall()
    took.append(time.perf_counter() - begun)
print(json.dumps({"seconds": statistics.median(took)}))
