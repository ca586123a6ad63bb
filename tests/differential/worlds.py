"""Makes a project of each test manifest that the metrics engine's package brings along, and says what can be asked of it.

worlds.py FOLDER SEED [NAME=PROJECT=WAREHOUSE …]    prints [{name, project, warehouse, metrics, alone, fields, saved, unusable}]

For every manifest of the package: its YAML is read by the engine's own reader, written down as dbt writes it, and its
source tables, which the package does not bring, are made up from the columns that its models name. What is given behind the
seed is a project that exists already. What can be asked, and which values there are, is the engine's and the warehouse's
word, so that nothing of Steward decides which questions are tried.
"""

import datetime
import json
import logging
import os
import random
import re
import sys
from pathlib import Path

logging.disable(logging.CRITICAL)
# Whatever prints, DuckDB's progress included, goes to stderr.
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import duckdb
from metricflow_semantic_interfaces.parsing.dir_to_model import parse_directory_of_yaml_files_to_semantic_manifest
from metricflow_semantic_interfaces.references import MetricReference
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
from metricflow_semantics.model.linkable_element_property import GroupByItemProperty
from metricflow_semantics.model.semantics.element_filter import GroupByItemSetFilter
from metricflow_semantics.specs.entity_spec import EntitySpec
from metricflow_semantics.specs.time_dimension_spec import TimeDimensionSpec
import metricflow_semantics.test_helpers.semantic_manifest_yamls as shipped

BEGIN = datetime.datetime(2020, 1, 1)
DAYS = 600
ROWS = 220
WORD = re.compile(r"'[^']*'|[A-Za-z_][A-Za-z0-9_]*")
PLACES = ["CA", "NY", "O'Brien", "", "a_b%", "DE", "ünïcode", "{{ x }}"]


# --- tables ------------------------------------------------------------------------------------------------------


def columns_in(expr, name):
    """The columns that an expression on the rows of a table reads."""
    return [w for w in WORD.findall(expr or name) if not w.startswith("'")]


def roles(manifest):
    """What each column of each table is for: a key before a time, a time before a number, a number before a text."""
    tables = {}

    def take(relation, expr, name, role):
        table = tables.setdefault(relation.lower(), {})
        for column in columns_in(expr, name):
            table.setdefault(column.lower(), []).append(role)

    for model in manifest.semantic_models:
        relation = model.node_relation.relation_name
        tables.setdefault(relation.lower(), {})
        for entity in model.entities:
            kind = entity.type.value
            unique = kind in ("primary", "unique") and (entity.expr or entity.name).isidentifier()
            take(relation, entity.expr, entity.name, "own key" if unique else "version key" if kind == "natural" else "key")
        for dimension in model.dimensions:
            if dimension.type.value == "time":
                params = dimension.type_params
                validity = params and params.validity_params
                role = "time"
                if validity:
                    role = "start" if validity.is_start else "end"
                elif model.defaults and model.defaults.agg_time_dimension == dimension.name:
                    role = "own time"
                take(relation, dimension.expr, dimension.name, role)
            else:
                take(relation, dimension.expr, dimension.name, "category")
        for measure in model.measures:
            agg = measure.agg.value
            role = "flag" if agg == "sum_boolean" else "category" if agg in ("count", "count_distinct") else "number"
            take(relation, measure.expr, measure.name, role)
    for metric in manifest.metrics:
        params = metric.type_params.metric_aggregation_params
        if params is None:
            continue
        model = next(m for m in manifest.semantic_models if m.name == params.semantic_model)
        agg = params.agg.value
        role = "flag" if agg == "sum_boolean" else "category" if agg in ("count", "count_distinct") else "number"
        take(model.node_relation.relation_name, metric.type_params.expr, metric.name, role)
    return tables


ORDER = ["own key", "version key", "key", "start", "end", "own time", "time", "flag", "number", "category"]


def cell_writer(column, uses, r):
    """How the value of a column is made for one row, and its type."""
    role = min(uses, key=ORDER.index)
    if role == "own key":
        return "VARCHAR", lambda i: f"k{i % 40:02d}" if i < 40 else f"x{i}"
    if role == "version key":  # five versions of each, one after the other
        return "VARCHAR", lambda i: f"k{i // 5:02d}"
    if role == "key":
        return "VARCHAR", lambda i: None if r.random() < 0.06 else f"k{r.randrange(46):02d}"
    if role in ("own time", "time"):
        days = r.sample(range(DAYS), min(ROWS, DAYS))
        clock = r.random() < 0.5
        missing = 0.0 if role == "own time" else 0.05
        def moment(i):
            if r.random() < missing:
                return None
            return BEGIN + datetime.timedelta(days=days[i % len(days)], seconds=r.randrange(86400) if clock else 0)
        return "TIMESTAMP", moment
    if role == "start":
        return "TIMESTAMP", lambda i: BEGIN + datetime.timedelta(days=(i % 5) * 120)
    if role == "end":
        return "TIMESTAMP", lambda i: None if i % 5 == 4 else BEGIN + datetime.timedelta(days=(i % 5 + 1) * 120)
    if role == "flag" or column.startswith("is_"):
        return "BOOLEAN", lambda i: None if r.random() < 0.05 else r.random() < 0.5
    if role == "number":
        return "DOUBLE", lambda i: None if r.random() < 0.06 else r.randrange(-40, 400) / 4
    if "capacity" in column:
        return "INTEGER", lambda i: None if r.random() < 0.05 else r.randrange(1, 9)
    some = r.sample(PLACES, 4)
    return "VARCHAR", lambda i: None if r.random() < 0.07 else r.choice(some)


def write_table(con, relation, uses, r):
    writers = {c: cell_writer(c, u, r) for c, u in sorted(uses.items())}
    make_schema(con, relation)
    con.execute(f"CREATE TABLE {relation} ({', '.join(f'{c} {t}' for c, (t, _) in writers.items())})")
    rows = [[write(i) for _, write in writers.values()] for i in range(ROWS)]
    if writers:
        con.executemany(f"INSERT INTO {relation} VALUES ({', '.join('?' * len(writers))})", rows)


def make_schema(con, relation):
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {relation.split('.')[0]}")


STEPS = {"hour": "1 HOUR", "day": "1 DAY", "week": "7 DAY", "month": "1 MONTH", "quarter": "3 MONTH", "year": "1 YEAR"}


def write_calendars(con, manifest):
    tables = {}
    for spine in manifest.project_configuration.time_spines:
        tables.setdefault(spine.node_relation.relation_name.lower(), []).append(spine)
    for relation, spines in tables.items():
        finest = spines[0].primary_column.time_granularity.value
        columns = []
        for spine in spines:
            column = spine.primary_column
            columns.append(f"date_trunc('{fit(column.time_granularity.value)}', t) AS {column.name}")
            for own in spine.custom_granularities:
                columns.append(f"date_trunc('{fit(column.time_granularity.value)}', t) - INTERVAL (extract(day FROM t) % 10) DAY AS {own.column_name or own.name}")
        # A calendar of seconds over years would be larger than everything else together.
        first, last, step = "2018-01-01", "2022-06-30", STEPS.get(finest)
        if step is None:
            first, last, step = "2020-01-01", "2020-01-01 00:00:09", "1 SECOND"
        make_schema(con, relation)
        con.execute(
            f"CREATE TABLE {relation} AS SELECT DISTINCT {', '.join(columns)} "
            f"FROM generate_series(TIMESTAMP '{first}', TIMESTAMP '{last}', INTERVAL {step}) AS s(t)"
        )


def fit(grain):
    return "microsecond" if grain == "nanosecond" else grain


# --- what can be asked -------------------------------------------------------------------------------------------


def kind_of(spec):
    return "entity" if isinstance(spec, EntitySpec) else "time" if isinstance(spec, TimeDimensionSpec) else "categorical"


def fields_of(lookup, metrics, everything):
    found = {}
    kept = GroupByItemSetFilter.create(any_properties_denylist={GroupByItemProperty.METRIC})
    if metrics:
        specs = lookup.metric_lookup.get_common_group_by_items([MetricReference(m) for m in metrics], kept).specs
    else:
        specs = lookup.metric_lookup.get_group_by_items_for_distinct_values_query(kept).specs
    for spec in specs:
        name = "__".join([e.element_name for e in spec.entity_links] + [spec.element_name])
        field = found.setdefault(name, {"grains": set(), "parts": set()})
        everything.setdefault(name, {"name": name, "kind": kind_of(spec), "element": spec.element_name})
        if isinstance(spec, TimeDimensionSpec):
            if spec.date_part is not None:
                field["parts"].add(spec.date_part.value)
            elif spec.time_granularity is not None:
                field["grains"].add(spec.time_granularity.name)
    return [{"name": n, "grains": sorted(f["grains"]), "parts": sorted(f["parts"])} for n, f in sorted(found.items())]


def values_of(con, manifest):
    """Some values of what is called by each name, whichever model has it."""
    found = {}
    for model in manifest.semantic_models:
        for element in list(model.entities) + list(model.dimensions):
            try:
                rows = con.execute(
                    f"SELECT DISTINCT {element.expr or element.name} FROM {model.node_relation.relation_name} ORDER BY 1 LIMIT 12"
                ).fetchall()
            except duckdb.Error:
                continue
            known = found.setdefault(element.name, [])
            known += [v for (v,) in rows if isinstance(v, (str, int, float, bool)) and v not in known]
    return {name: values[:12] for name, values in found.items()}


def describe(name, project, warehouse):
    text = (Path(project) / "target" / "semantic_manifest.json").read_text()
    manifest = parse_manifest_from_dbt_generated_manifest(text)
    lookup = SemanticManifestLookup(manifest)
    everything = {}
    metrics = [
        {"name": m.name, "kind": m.type.value, "fields": fields_of(lookup, [m.name], everything)}
        for m in manifest.metrics
        if not m.type_params.is_private
    ]
    alone = fields_of(lookup, [], everything)
    con = duckdb.connect(warehouse, read_only=True)
    values = values_of(con, manifest)
    con.close()
    for field in everything.values():
        field["values"] = values.get(field.pop("element"), [])
    saved = [
        {"name": q.name, "metrics": list(q.query_params.metrics), "limit": q.query_params.limit or 0}
        for q in manifest.saved_queries
    ]
    return {
        "name": name,
        "project": project,
        "warehouse": warehouse,
        "metrics": metrics,
        "alone": alone,
        "fields": sorted(everything.values(), key=lambda f: f["name"]),
        "saved": saved,
    }


# --- projects ----------------------------------------------------------------------------------------------------

PROFILE = "world:\n  target: test\n  outputs:\n    test:\n      type: duckdb\n      path: {}\n      schema: main\n      threads: 1\n"


def make(folder, source, seed):
    read = parse_directory_of_yaml_files_to_semantic_manifest(
        str(source), template_mapping={"source_schema": "src"}, apply_transformations=False
    ).semantic_manifest
    project = folder / source.name
    (project / "target").mkdir(parents=True)
    (project / "target" / "semantic_manifest.json").write_text(read.json())
    warehouse = project / "world.duckdb"
    (project / "profiles.yml").write_text(PROFILE.format(warehouse))
    (project / "dbt_project.yml").write_text("name: world\nversion: '1.0'\nprofile: world\n")
    con = duckdb.connect(str(warehouse))
    for relation, uses in sorted(roles(read).items()):
        write_table(con, relation, uses, random.Random(f"{seed} {source.name} {relation}"))
    write_calendars(con, read)
    con.close()
    try:
        return describe(source.name, str(project), str(warehouse))
    except ValueError as error:  # a manifest that is meant to be wrong
        return {"name": source.name, "unusable": str(error)}


def main():
    folder, seed = Path(sys.argv[1]), sys.argv[2]
    worlds = []
    for given in sys.argv[3:]:
        name, project, warehouse = given.split("=")
        worlds.append(describe(name, project, warehouse))
    for source in sorted(Path(shipped.__file__).parent.iterdir()):
        if not source.is_dir() or source.name[0] in "_." or source.name == "shared":
            continue
        worlds.append(make(folder, source, seed))
    print(json.dumps(worlds), file=out)


main()
out.close()
