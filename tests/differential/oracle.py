"""Asks the metrics engine through its own interface, and DuckDB itself, with nothing of Steward in between.

stdin   [{project, warehouse, questions: [{saved_query, metrics, group_by, where, order_by, limit, start, end}]}]
stdout  [[{columns, rows} or {error}]]

What the engine or the warehouse refuses has an error instead of rows.
"""

import datetime
import decimal
import json
import logging
import math
import os
import sys
from pathlib import Path

logging.disable(logging.CRITICAL)
# Whatever prints, DuckDB's progress included, goes to stderr.
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import duckdb
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
from metricflow_semantics.sql.sql_bind_parameters import SqlBindParameterSet


class Rows:
    """What the engine takes for a result: the driver's own rows, unlike MetricFlowDataTable, which changes types."""

    def __init__(self, columns, rows):
        self.column_names, self.rows = columns, rows
        self.row_count, self.column_count = len(rows), len(columns)


class Client:
    """metricflow.protocols.sql_client.SqlClient on one DuckDB file."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def __init__(self, file):
        self._con = duckdb.connect(file, read_only=True)

    def query(self, stmt, sql_bind_parameter_set=SqlBindParameterSet()):
        cursor = self._con.execute(stmt)
        return Rows([c[0] for c in cursor.description], cursor.fetchall())

    def execute(self, stmt, sql_bind_parameter_set=SqlBindParameterSet()):
        self._con.execute(stmt)

    def dry_run(self, stmt, sql_bind_parameter_set=SqlBindParameterSet()):
        self._con.execute("EXPLAIN " + stmt)

    def close(self):
        self._con.close()

    def render_bind_parameter_key(self, bind_parameter_key):
        return "$" + bind_parameter_key


def text(v):
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, float) and not math.isfinite(v):
        return json.dumps("NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity")
    if isinstance(v, (datetime.date, datetime.datetime)):
        return json.dumps(v.isoformat())
    return json.dumps(v)


def moment(s):
    return datetime.datetime.fromisoformat(s) if s else None


def answer(engine, q):
    try:
        table = engine.query(
            MetricFlowQueryRequest.create(
                saved_query_name=q.get("saved_query"),
                metric_names=q.get("metrics"),
                group_by_names=q.get("group_by"),
                where_constraints=q.get("where"),
                order_by_names=q.get("order_by"),
                limit=q.get("limit"),
                time_constraint_start=moment(q.get("start")),
                time_constraint_end=moment(q.get("end")),
            )
        ).result_df
    except Exception as error:
        return json.dumps({"error": type(error).__name__ + ": " + " ".join(str(error).split())[:400]})
    rows = ",".join("[" + ",".join(map(text, row)) + "]" for row in table.rows)
    return '{"columns":%s,"rows":[%s]}' % (json.dumps(list(table.column_names)), rows)


def main():
    worlds = []
    for world in json.load(sys.stdin):
        written = (Path(world["project"]) / "target" / "semantic_manifest.json").read_text()
        lookup = SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(written))
        client = Client(world["warehouse"])
        engine = MetricFlowEngine(lookup, client)
        worlds.append("[" + ",".join(answer(engine, q) for q in world["questions"]) + "]")
        client.close()
    print("[" + ",".join(worlds) + "]", file=out)


main()
out.close()
