"""Time a statement on a bare cursor: python cursor.py WAREHOUSE RUNS, the statement on standard input."""

import json
import statistics
import sys
import time

import duckdb

connection = duckdb.connect(sys.argv[1], read_only=True)
statement = sys.stdin.read()
# A statement right behind the one before finds the warehouse's threads awake. One that comes over the network does not, so
# there is a pause as long as a client takes between its questions.
PAUSE = 0.0015
took = []
for _ in range(int(sys.argv[2])):
    time.sleep(PAUSE)
    begun = time.perf_counter()
    connection.execute(statement)
    connection.fetchall()
    took.append(time.perf_counter() - begun)
print(json.dumps({"seconds": statistics.median(took)}))
