"""Builds the demo shop in a PostgreSQL database: raw data, then dbt build with the target postgres.

    SHOP_PGHOST=… SHOP_PGPORT=… SHOP_PGUSER=… SHOP_PGPASSWORD=… SHOP_PGDATABASE=shop \\
        var/python/bin/python scripts/demo_postgres.py DIRECTORY

The variables are those of configs/demo/profiles.yml. The database must be there, called shop and empty; DIRECTORY must
not be there. It gets the dbt project as built, with target/semantic_manifest.json, for metrics.project_dir.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import psycopg2

import demo
import shopdata
from progress import Step


def load(connection, csv: Path) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute("create schema raw")
        for table, columns in shopdata.TABLES.items():
            cursor.execute(f"create table raw.{table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
            with (csv / f"{table}.csv").open(encoding="utf-8") as file:
                cursor.copy_expert(f"copy raw.{table} from stdin with (format csv, header true)", file)


def main() -> int:
    project = Path(sys.argv[1]).absolute()
    login = {name: value for name, value in os.environ.items() if name.startswith("SHOP_PG")}
    connection = psycopg2.connect(
        host=login["SHOP_PGHOST"], port=login["SHOP_PGPORT"], user=login["SHOP_PGUSER"], password=login["SHOP_PGPASSWORD"],
        dbname=login["SHOP_PGDATABASE"],
    )
    try:
        with Step("demo: three years of a shop's data"), tempfile.TemporaryDirectory() as csv:
            shopdata.write(Path(csv))
            load(connection, Path(csv))
        with Step("demo: dbt build") as step:
            project.parent.mkdir(parents=True, exist_ok=True)
            demo.copy_project(project, project / "unused.duckdb")
            demo.dbt_build(project, step, "--target", "postgres", **login)
        connection.autocommit = True
        connection.cursor().execute("analyze")
    except demo.Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    finally:
        connection.close()
    print(f"demo: {demo.describe(project)} in {project}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
