"""Builds the demo shop: raw data, then dbt build, then both moved into place. scripts/demo.sh calls this.

Everything happens in a folder beside the result and is moved at the end; the stamp, a digest of all that the demo is
made of, goes first and comes back last. So an interrupted run leaves the old demo or none, never half of one, and the
next run builds again. Two runs at a time wait for one another. A server that has the old file open keeps reading it
until it opens the file anew.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "configs/demo"
PROJECT_PARTS = ["dbt_project.yml", "profiles.yml", "macros", "models"]  # the rest of the folder configures Steward
OTHER_PARTS = ["scripts/shopdata.py", "scripts/demo.py", "configs/engine/requirements.txt"]
DEFAULT_PATH = "'shop.duckdb'"  # as profiles.yml names the file when SHOP_DUCKDB is unset


class Failed(Exception):
    """What to tell the user."""


def fingerprint(demo: Path) -> str:
    """Says what the demo is made of, and where: the built profile names the file by its absolute path."""
    files = [ROOT / name for name in OTHER_PARTS]
    for part in PROJECT_PARTS:
        path = PROJECT / part
        files += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256(f"{demo} {sys.version_info[:2]}".encode())
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def is_built(demo: Path, wanted: str) -> bool:
    stamp = demo / "built.txt"
    return (
        stamp.exists() and stamp.read_text() == wanted
        and (demo / "shop.duckdb").exists() and (demo / "project/target/semantic_manifest.json").exists()
    )


def build(work: Path, demo: Path) -> str:
    """Builds WORK/project and WORK/shop.duckdb, for use at DEMO; returns a line that says what is in them."""
    import shutil

    import duckdb
    import shopdata
    from progress import Step

    warehouse, project = work / "shop.duckdb", work / "project"
    with Step("demo: three years of a shop's data"):
        csv = work / "csv"
        csv.mkdir()
        shopdata.write(csv)
        with duckdb.connect(str(warehouse)) as connection:
            load(connection, csv, shopdata.TABLES)
            orders = connection.execute("select count(*) from raw.orders").fetchone()[0]
        shutil.rmtree(csv)
    with Step("demo: dbt build") as step:
        copy_project(project, demo / "shop.duckdb")
        dbt_build(project, step, SHOP_DUCKDB=str(warehouse))
    return f"{orders:,} orders, {describe(project)}"


def load(connection, csv: Path, tables: dict[str, dict[str, str]]) -> None:
    connection.execute("create schema raw")
    for table, columns in tables.items():
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
        connection.execute(
            f"create table raw.{table} as select * from read_csv($1, header = true, columns = {{{types}}})",
            [str(csv / f"{table}.csv")],
        )


def copy_project(project: Path, warehouse: Path) -> None:
    """Copies the dbt project, its profile pointing at the place where the warehouse will be."""
    import shutil

    project.mkdir()
    for part in PROJECT_PARTS:
        source = PROJECT / part
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, project / part)
    profile = project / "profiles.yml"
    text = profile.read_text(encoding="utf-8")
    if text.count(DEFAULT_PATH) != 1:
        raise Failed(f"demo: {PROJECT / 'profiles.yml'} no longer names {DEFAULT_PATH} exactly once")
    profile.write_text(text.replace(DEFAULT_PATH, f"'{warehouse}'"), encoding="utf-8")


def dbt_build(project: Path, step, *options: str, **variables: str) -> None:
    """Runs dbt build and shows its count; keeps of dbt's own files what dbt's readers use. The profile reads variables."""
    import re
    import shutil
    import subprocess

    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DBT_", "PYTHON"))}
    environment.update(variables, DO_NOT_TRACK="1")
    command = [
        str(Path(sys.executable).with_name("dbt")), "build", "--no-use-colors", "--no-version-check",
        "--project-dir", str(project), "--profiles-dir", str(project), "--log-path", str(project / "logs"), *options,
    ]
    printed: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        cwd=project,
    ) as process:
        for line in process.stdout:
            printed.append(line)
            if match := re.search(r" (\d+) of (\d+) (?:OK|PASS|NO-OP) (.+?) \.*", line):
                step.at(int(match[1]), int(match[2]), match[3])
    if process.returncode != 0:
        raise Failed("".join(printed[-40:]) + "demo: dbt build failed")
    shutil.rmtree(project / "logs", ignore_errors=True)
    for name in ("partial_parse.msgpack", "perf_info.json", "graph.gpickle", "graph_summary.json"):
        (project / "target" / name).unlink(missing_ok=True)
    for name in ("compiled", "run"):
        shutil.rmtree(project / "target" / name, ignore_errors=True)


def describe(project: Path) -> str:
    import json

    manifest = json.loads((project / "target/semantic_manifest.json").read_text(encoding="utf-8"))
    return f"{len(manifest['metrics'])} metrics, {len(manifest['saved_queries'])} saved queries"


def move_into_place(work: Path, demo: Path, wanted: str) -> None:
    stamp, old = demo / "built.txt", work / "old"
    stamp.unlink(missing_ok=True)
    (work / "shop.duckdb").replace(demo / "shop.duckdb")
    if (demo / "project").exists():
        (demo / "project").replace(old)
    (work / "project").replace(demo / "project")
    (work / "built.txt").write_text(wanted)
    (work / "built.txt").replace(stamp)


def main() -> int:
    demo = Path(sys.argv[1]).absolute()
    if set(str(demo)) & set("'\"{}\\\n"):  # it is written into profiles.yml, inside a template inside a string
        print(f"demo: the path {demo} has a quote, brace, backslash or line break; choose another folder", file=sys.stderr)
        return 1
    wanted = fingerprint(demo)
    if is_built(demo, wanted):
        print(f"demo: up to date in {demo}")
        return 0

    import fcntl
    import shutil
    import tempfile

    demo.mkdir(parents=True, exist_ok=True)
    with (demo / "build.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if is_built(demo, wanted):
            return 0  # another run did it while this one waited
        for left in demo.glob("building-*"):
            shutil.rmtree(left)  # by a run that was interrupted
        work = Path(tempfile.mkdtemp(prefix="building-", dir=demo))
        try:
            contents = build(work, demo)
            move_into_place(work, demo, wanted)
        except Failed as failure:
            print(failure, file=sys.stderr)
            return 1
        finally:
            shutil.rmtree(work, ignore_errors=True)
    print(f"demo: {contents} in {demo}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
