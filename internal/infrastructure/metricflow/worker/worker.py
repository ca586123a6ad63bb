"""The engine's side of Steward's metric worker.

Steward starts this program in the project's own Python (python -I -u -X utf8), sends it through the pipe
and talks to it in frames. A frame is four bytes, big-endian, that count what follows, and then that many bytes.

    Steward -> worker   1. this program, as source
                        2. hello {project_dir, profiles_dir, target, idle_release_ms, lock_wait_ms, max_frame}
                        3. requests, one at a time {id, op, ...}
    worker -> Steward   1. ready {ready, protocol, versions, adapter, problem}
                        2. one answer a request {id, rss, result} or {id, rss, error: {code, message, suggestions,
                           retry_ms}}; rss is the bytes of memory that the worker holds

ops     load      {manifest}, then a frame of that manifest's bytes: build its engine -> {}
        compile   {manifest, question, field}: SQL, for distinct values when field is set -> {sql, columns}
        run       {sql, columns, limit, filtered}: what compile gave -> {columns, rows, more}
        validate  {manifest, skip_warehouse, timeout_ms, show_all} -> {issues}
        health    open the warehouse -> {warehouse, problem}

A manifest goes by the hex SHA-256 of its bytes. The worker keeps the engines of the last two that it was given, so
that questions which rest on the former one are answered while the next is there already.

question {metrics, group_by [{name, grain, date_part}], where [text], order_by [{name, grain, date_part, descending}],
start, end, limit, saved_query}. where comes from Steward's own renderer, never from a caller.

On descriptor 3 Steward writes eight bytes, big-endian: the id of a request that nobody waits for any more. The worker
then stops the statement in the warehouse and answers with the code "canceled"; if it does not soon, Steward ends it.

Real stdout is kept for frames alone; whatever prints goes to stderr. stdin is closed to everything else. One
request is served at a time. End of input ends the process.
"""

import ast
import collections
import datetime
import decimal
import gc
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import re
import select
import signal
import sys
import threading
import time
from argparse import Namespace

PROTOCOL = 1
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
ENGINES_KEPT = 2  # the present manifest's and the one before
SESSION_KEPT = 300  # seconds that an unused session with a warehouse server stays open
LOCK_POLL = 0.05  # seconds between attempts to open a file that a writer holds
STOP_AGAIN = 0.1  # seconds between attempts to stop a statement
STOPS = 3  # the descriptor on which Steward names requests to stop


class Refusal(Exception):
    """An answer that is an error: a code that Steward knows, and words without paths, SQL or data."""

    def __init__(self, code, message, suggestions=(), retry_ms=0):
        super().__init__(message)
        self.code, self.message = code, message
        self.suggestions, self.retry_ms = list(suggestions), retry_ms

    def frame(self):
        return {
            "code": self.code,
            "message": self.message,
            "suggestions": self.suggestions,
            "retry_ms": self.retry_ms,
        }


class Stopped(BaseException):
    """Nobody waits for this request any more. No Exception, so that no engine takes it for a failure of its own."""


class Stops:
    """Hears on a descriptor of its own which request is to be stopped, and stops its statement from another thread."""

    def __init__(self, descriptor):
        self._turn = threading.Condition()
        self._serving, self._named = 0, 0
        self.interrupt = lambda: None
        os.set_inheritable(descriptor, False)
        threading.Thread(target=self._listen, args=(descriptor,), daemon=True).start()

    def begin(self, number):
        with self._turn:
            self._serving = number

    def end(self):
        """Returns only when no attempt to stop is under way, so that none reaches the next request."""
        with self._turn:
            self._serving = 0
            self._turn.notify_all()

    def asked(self):
        return 0 < self._serving <= self._named

    def check(self, seconds=0):
        """Wait for seconds, and raise as soon as the present request is to be stopped."""
        with self._turn:
            if seconds and not self.asked():
                self._turn.wait(seconds)
            if self.asked():
                raise Stopped

    def _listen(self, descriptor):
        while True:
            data = os.read(descriptor, 8)
            while data and len(data) < 8:
                data += os.read(descriptor, 8 - len(data))
            if not data:
                return
            with self._turn:
                self._named = max(self._named, int.from_bytes(data, "big"))
                self._turn.notify_all()
                # More than once: a statement that is only about to begin does not hear of it.
                while self.asked():
                    self.interrupt()
                    self._turn.wait(STOP_AGAIN)


class Channel:
    """Frames over the process's original stdin and stdout, which nothing else can reach."""

    def __init__(self):
        self._in, self._out = os.dup(0), os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        os.close(nowhere)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self.max_frame = 1 << 20

    def waits(self, seconds):
        """Report whether a request arrives within seconds; None waits for ever."""
        return bool(select.select([self._in], [], [], seconds)[0])

    def read(self):
        return json.loads(self.read_bytes())

    def read_bytes(self):
        return self._take(int.from_bytes(self._take(4), "big"))

    def _take(self, size):
        data = bytearray()
        while len(data) < size:
            more = os.read(self._in, size - len(data))
            if not more:
                raise EOFError
            data += more
        return bytes(data)

    def write(self, text):
        body = text.encode("utf-8")
        if len(body) > self.max_frame:
            raise Refusal("too_large", "The answer is too large; ask for fewer rows or columns.")
        view = memoryview(len(body).to_bytes(4, "big") + body)
        while view:
            view = view[os.write(self._out, view) :]


# --- cells -----------------------------------------------------------------------------------------------------

TYPES = (
    (re.compile(r".*\[\d*\]\Z|STRUCT|MAP|LIST|ARRAY|JSON|VARIANT|OBJECT|SUPER|UNION|ROW"), "json"),
    (re.compile(r"BOOL"), "boolean"),
    (re.compile(r"U?(TINY|SMALL|BIG|HUGE|MEDIUM|BYTE)?INT(EGER)?\d*\Z|U(HUGE|TINY|SMALL|BIG)INT\Z|LONG|SERIAL|BIGNUM\Z"), "integer"),
    (re.compile(r"DECIMAL|NUMERIC|BIGNUMERIC|BIGDECIMAL|FIXED"), "decimal"),
    (re.compile(r"FLOAT|DOUBLE|REAL"), "float"),
    (re.compile(r"DATE\Z"), "date"),
    (re.compile(r"TIMESTAMP|DATETIME"), "timestamp"),
    (re.compile(r"TIME"), "time"),
    (re.compile(r".*CHAR|TEXT|STRING|UUID|ENUM|NAME\Z"), "string"),
)
PYTHON_TYPES = (
    (bool, "boolean"),
    (int, "integer"),
    (decimal.Decimal, "decimal"),
    (float, "float"),
    (datetime.datetime, "timestamp"),
    (datetime.date, "date"),
    (datetime.time, "time"),
    (str, "string"),
    ((dict, list, tuple), "json"),
)
quote = json.encoder.encode_basestring_ascii


def type_of(name, scale, values):
    """Steward's word for a column's type, from the driver's word or else from the first value there is."""
    for pattern, kind in TYPES:
        if pattern.match(name):
            # Snowflake calls every exact number FIXED and lets the scale tell an integer.
            return "integer" if kind == "decimal" and name == "FIXED" and scale == 0 else kind
    value = next((v for v in values if v is not None), None)
    for python, kind in PYTHON_TYPES:
        if isinstance(value, python):
            return kind
    return "unknown"


def _float(value):
    # NaN and the infinities have no JSON number; as null they would read as missing, so they are strings.
    if value != value:
        return '"NaN"'
    if value in (float("inf"), float("-inf")):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    return float.__repr__(value)


def _decimal(value):
    return format(value, "f") if value.is_finite() else _float(float(value))


def _timestamp(value):
    if value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return '"' + value.isoformat() + '"'


def _iso(value):
    return '"' + value.isoformat() + '"'


def _nested(value):
    return json.dumps(value, default=str, allow_nan=False)


CELLS = {
    bool: lambda v: "true" if v else "false",
    int: int.__repr__,
    float: _float,
    decimal.Decimal: _decimal,
    datetime.datetime: _timestamp,
    datetime.date: _iso,
    datetime.time: lambda v: _iso(v.replace(tzinfo=None)),
    str: quote,
    bytes: lambda v: quote(v.hex()),
    bytearray: lambda v: quote(v.hex()),
    dict: _nested,
    list: _nested,
    tuple: _nested,
}


def cell(value):
    if value is None:
        return "null"
    write = CELLS.get(type(value))
    return write(value) if write else quote(str(value))


def column_cells(values):
    """JSON texts of one column. A column of one type, which is the rule, looks its writer up once."""
    types = set(map(type, values))
    types.discard(type(None))
    if len(types) != 1:
        return [cell(v) for v in values]
    write = CELLS.get(types.pop(), lambda v: quote(str(v)))
    return ["null" if v is None else write(v) for v in values]


def table_text(columns, rows, more):
    """The JSON of one result. rows are tuples in column order; they are written column by column for speed."""
    cells = [column_cells(values) for values in zip(*rows)]
    body = ",".join(["[" + ",".join(row) + "]" for row in zip(*cells)]) if cells else ""
    return '{"columns":%s,"rows":[%s],"more":%s}' % (json.dumps(columns), body, "true" if more else "false")


# --- project and warehouse -------------------------------------------------------------------------------------


def load_adapter(project_dir, profiles_dir, target):
    """Build the profile and its adapter as dbt does, without `dbt debug`, which would open the warehouse read-write."""
    from dbt.adapters.factory import get_adapter_by_type, register_adapter
    from dbt.config.runtime import load_profile
    from dbt.flags import set_from_args
    from dbt.mp_context import get_mp_context
    from dbt_common.context import set_invocation_context

    set_invocation_context(os.environ)
    args = Namespace(
        project_dir=project_dir,
        profiles_dir=profiles_dir,
        send_anonymous_usage_stats=False,
        use_colors=False,
        quiet=True,
        log_path=None,
    )
    set_from_args(args, None)
    profile = load_profile(project_dir, {}, target_override=target or None)
    if profile.credentials.type == "duckdb":
        read_only(profile.credentials)
    register_adapter(profile, get_mp_context())
    return get_adapter_by_type(profile.credentials.type)


def read_only(credentials):
    """Open DuckDB files for reading, so that several readers share them, and let go of them on release."""
    credentials.keep_open = False
    if not is_file(credentials):
        return
    credentials.config_options = {**(credentials.config_options or {}), "access_mode": "READ_ONLY"}
    for attached in credentials.attach or []:
        if attached.type in (None, "duckdb") and not attached.options:
            attached.read_only = True


def is_file(credentials):
    remote = credentials.remote or credentials.is_motherduck
    return not remote and credentials.path != ":memory:" and "://" not in credentials.path


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


class Warehouse:
    """The adapter's own connection, kept open between questions and closed on release."""

    def __init__(self, adapter, lock_wait, stops):
        self.adapter, self._lock_wait, self._stops = adapter, lock_wait, stops
        self._credentials = adapter.config.credentials
        self._duckdb = adapter.type() == "duckdb"
        self._file = self._credentials.path if self._duckdb and is_file(self._credentials) else None
        self._connection, self._opened, self._running, self.used = None, None, None, 0.0
        self._redactions = [str(v) for k, v in vars(self._credentials).items() if v and SECRET.search(k)]

    @property
    def is_open(self):
        return self._connection is not None

    @property
    def shares_a_file(self):
        return self._file is not None

    def release(self):
        if self._connection is None:
            return
        self._connection = None
        try:
            self.adapter.release_connection()
        except Exception as error:  # noqa: BLE001 - a connection that cannot be closed is gone all the same
            self.log("release", error)

    def run(self, sql, limit):
        """Run sql and return (description, rows), at most limit rows. Stopped when nobody waits for them."""
        handle = self.open()
        self._stops.check()
        try:
            self._running = handle
            if not hasattr(handle, "cursor"):
                return self._run_by_adapter(sql, limit)
            cursor = handle.cursor()
            try:
                cursor.execute(sql)
                return cursor.description, cursor.fetchmany(limit)
            finally:
                # DuckDB's cursor is the connection itself; elsewhere a read must not leave a transaction open.
                if not self._duckdb:
                    cursor.close()
                    handle.rollback() if hasattr(handle, "rollback") else None
        except Exception as error:
            if self._stops.asked():
                raise Stopped from error
            self.log("run", error)
            # A session that broke would break the next question too; one that did not is cheap to open again.
            self.release()
            raise refusal_of_warehouse(error) from error
        finally:
            self._running, self.used = None, time.monotonic()
            # A server may still be about to stop what runs in the session; what comes next must not run there.
            if self._stops.asked() and not self._duckdb:
                self.release()

    def interrupt(self):
        """Stop the statement that runs, if one does. Called from another thread than run."""
        handle = self._running
        if handle is None:
            return
        try:
            if self._duckdb:
                handle.cursor().interrupt()
            elif hasattr(handle, "cancel"):
                handle.cancel()  # psycopg2, Trino
            else:
                with self.adapter.connection_named("steward_stop"):
                    self.adapter.cancel_open_connections()
        except Exception as error:  # noqa: BLE001 - Steward ends a worker that goes on
            self.log("stop", error)

    def _run_by_adapter(self, sql, limit):
        # BigQuery has no DB-API connection; dbt's own table layer stands between.
        _, table = self.adapter.execute(sql, auto_begin=False, fetch=True, limit=limit)
        return [(name, "") for name in table.column_names], [tuple(row.values()) for row in table.rows]

    def type_name(self, code):
        try:
            return str(self.adapter.connections.data_type_code_to_name(code)).upper()
        except Exception:  # noqa: BLE001 - not every adapter knows; the code or the values say it then
            return str(code).upper()

    def open(self):
        """The open connection's handle. A file that another process writes to is waited for."""
        if self._opened is not None and self._opened != self._identity():
            self.release()  # the file was replaced: what is open is the old one
        if self._connection is not None:
            return self._connection.handle
        give_up = time.monotonic() + self._lock_wait
        while True:
            try:
                connection = self.adapter.acquire_connection("steward")
                handle = connection.handle
                self._prepare(handle)
                self._connection, self._opened, self.used = connection, self._identity(), time.monotonic()
                return handle
            except Exception as error:
                self._connection = None
                if not is_locked(error):
                    self.log("open", error)
                    raise self._refusal_to_open() from error
                if time.monotonic() >= give_up:
                    raise Refusal("busy", "Another process is writing to the warehouse.", retry_ms=5000) from error
                self._stops.check(LOCK_POLL)

    def _prepare(self, handle):
        """Have a PostgreSQL session read only, and its server notice by itself when this process has been ended."""
        if self.adapter.type() != "postgres":
            return
        handle.commit()  # or the next rollback would undo the profile's role
        for setting in ("SET default_transaction_read_only = on", NOTICE):
            try:
                with handle.cursor() as cursor:
                    cursor.execute(setting)
                handle.commit()
            except Exception as error:  # noqa: BLE001 - a pooler or an older server may not know it
                self.log("prepare", error)
                handle.rollback()

    def _identity(self):
        try:
            found = os.stat(self._file) if self._file else None
        except OSError:
            return None
        return (found.st_dev, found.st_ino) if found else None

    def _refusal_to_open(self):
        if self._file and not os.path.exists(self._file):
            return Refusal("no_warehouse", "The warehouse file does not exist yet.")
        return Refusal("warehouse", "The warehouse cannot be opened.")

    def log(self, step, error):
        print(f"warehouse {step}: {type(error).__name__}: {self.told(' '.join(str(error).split())[:500])}", file=sys.stderr)

    def told(self, text):
        """The warehouse's words without literals, which may be data, and without the profile's secrets."""
        for secret in self._redactions:
            text = text.replace(secret, "[redacted]")
        return LITERAL.sub("'…'", text)


SECRET = re.compile(r"pass|secret|token|key|private", re.I)
LITERAL = re.compile(r"'[^']*'")
# No row, and so no error, where the server does not know the setting.
NOTICE = """SELECT set_config(name, '1000', false) FROM pg_settings WHERE name = 'client_connection_check_interval'"""


def is_locked(error):
    text = str(error)
    return "Could not set lock on file" in text or "Conflicting lock" in text


def refusal_of_warehouse(error):
    names = {c.__name__ for c in type(error).__mro__}
    text = str(error)
    if "DataError" in names or re.search(r"Cannot compare|Could not convert|No function matches|invalid input syntax", text):
        return Refusal("value", "The warehouse cannot read a filter's value as the type of its field.")
    if re.search(r"does not exist|not found|Catalog Error", text):
        return Refusal("no_relation", "The warehouse lacks a table or column that this question reads.")
    if re.search(r"Out of Memory|OutOfMemory", text):
        return Refusal("memory", "The warehouse ran out of memory on this question.")
    return Refusal("warehouse", "The warehouse could not answer this question.")


# --- the engine ------------------------------------------------------------------------------------------------


class Semantics:
    """The engines over the last manifests that Steward has sent."""

    def __init__(self, adapter):
        self._adapter = adapter
        self._engines = collections.OrderedDict()  # hash -> (manifest, engine)
        self._names = None

    def load(self, found, data):
        """Build the engine of the manifest with these bytes beside the one that there is."""
        if hashlib.sha256(data).hexdigest() != found:
            raise Refusal("protocol", "The bytes are not those of the manifest.")
        from dbt_metricflow.cli.dbt_connectors.adapter_backed_client import AdapterBackedSqlClient
        from metricflow.engine.metricflow_engine import MetricFlowEngine
        from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
        from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
        from metricflow_semantics.specs.dunder_column_association_resolver import DunderColumnAssociationResolver

        try:
            manifest = parse_manifest_from_dbt_generated_manifest(manifest_json_string=data.decode("utf-8"))
            engine = MetricFlowEngine(SemanticManifestLookup(manifest), AdapterBackedSqlClient(self._adapter))
        except Exception as error:
            print(f"manifest: {type(error).__name__}: {clean(str(error))[:500]}", file=sys.stderr)
            raise Refusal("manifest", "The engine cannot read the semantic manifest.") from error
        self._engines[found], self._names = (manifest, engine), DunderColumnAssociationResolver()
        while len(self._engines) > ENGINES_KEPT:
            self._engines.popitem(last=False)
        # What was just built lives as long as the process, nearly; the collector need not walk it. What is no longer
        # used has to be thawed first, or it would stay for ever.
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def manifest(self, wanted):
        return self._of(wanted)[0]

    def _of(self, wanted):
        if wanted not in self._engines:
            raise Refusal("manifest_changed", "The semantic manifest has changed.", retry_ms=1000)
        return self._engines[wanted]

    def compile(self, wanted, question, values_of=None):
        """Return (sql, [(column name, grain)]) for a question; values_of asks for one field's distinct values."""
        engine = self._of(wanted)[1]
        try:
            return self._explain(engine, question, values_of)
        except Refusal:
            raise
        except Exception as error:
            raise refusal_of_engine(error) from error

    def _explain(self, engine, question, values_of):
        from metricflow.engine.metricflow_engine import (
            MetricFlowQueryRequest,
            MetricFlowQueryType,
            OutputColumnOrderMode,
        )

        saved = question.get("saved_query") or None
        group_by = [item_name(g) for g in question.get("group_by") or ()]
        # The engine lists values of dimensions only; an entity's are the groups of an ordinary question.
        listing = values_of == "dimension"
        request = MetricFlowQueryRequest.create(
            saved_query_name=saved,
            metric_names=None if saved else [plain(m) for m in question.get("metrics") or ()],
            group_by_names=None if saved else group_by,
            where_constraints=question.get("where") or None,
            # None, not an empty list: the latter would take a saved query's own order away.
            order_by_names=[("-" if o.get("descending") else "") + item_name(o) for o in question.get("order_by") or ()] or None,
            time_constraint_start=moment(question.get("start")),
            time_constraint_end=moment(question.get("end")),
            limit=question.get("limit"),
            query_type=MetricFlowQueryType.DIMENSION_VALUES if listing else MetricFlowQueryType.METRIC,
            output_column_order_mode=OutputColumnOrderMode.LEGACY_TYPE_GROUPED if listing else OutputColumnOrderMode.INPUT_ORDER,
        )
        result = engine.explain(request)
        order = result.query_spec.input_spec_order
        specs = list(order.group_by_item_specs) + ([] if values_of else list(order.metric_specs))
        columns = [(self._names.resolve_spec(spec).column_name, grain_of(spec)) for spec in specs]
        return result.sql_statement.without_descriptions.sql, columns


def grain_of(spec):
    grain = getattr(spec, "time_granularity", None)
    return grain.name if grain is not None and getattr(spec, "date_part", None) is None else ""


def plain(name):
    """A name as Steward's catalog knows it. The engine would parse anything else as an expression."""
    if not NAME.match(name):
        raise Refusal("question", "A name holds characters that no metric, dimension or entity has.")
    return name


def item_name(item):
    """The engine's text for one group-by or order-by item."""
    name, grain, part = plain(item["name"]), item.get("grain"), item.get("date_part")
    if part:
        # The builder takes one entity with the element's name; those on the way to it are the path.
        elements = name.split("__")
        path = ", ".join(f"'{e}'" for e in elements[:-2])
        return f"TimeDimension('{'__'.join(elements[-2:])}', entity_path=[{path}], date_part_name='{plain(part)}')"
    return f"{name}__{plain(grain)}" if grain else name


def moment(text):
    return datetime.datetime.fromisoformat(text) if text else None


# --- what went wrong -------------------------------------------------------------------------------------------

TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\):\n.*", re.S)
PATHS = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+){2,}[\\/]?")
PYDANTIC = re.compile(r":?\s*\(Pydantic\w+\(.*?\),?\)\.?", re.S)
SECTION = re.compile(r"^(?: {2}|)(Message|Query Input|Issue Location):\s*$", re.M)
BUILDER = re.compile(r"(?:Dimension|TimeDimension|Entity|Metric)\('([^']+)'.*\)\Z")


def clean(text):
    """Engine text in one line, without tracebacks, host paths or dumps of Python objects."""
    return " ".join(PATHS.sub("…", PYDANTIC.sub(".", TRACEBACK.sub("", text))).split())


def refusal_of_engine(error):
    """A refusal with the engine's sentences and suggestions, when it meant them for the person who asked."""
    from metricflow_semantics.errors.error_classes import InformativeUserError

    if not isinstance(error, InformativeUserError):
        print(f"engine: {type(error).__name__}: {clean(str(error))[:500]}", file=sys.stderr)
        return Refusal("engine", "The engine failed on this question.")
    text = str(error)
    reports = re.split(r"^Error #\d+:\s*$", text, flags=re.M)
    told = [report(r) for r in (reports[1:] or [text])]
    messages = list(dict.fromkeys(m for m, _ in told if m))
    suggestions = list(dict.fromkeys(s for _, ss in told for s in ss))
    return Refusal("question", " ".join(messages)[:1500], suggestions)


def report(text):
    """(message, suggestions) of one of the engine's numbered errors."""
    parts = SECTION.split(text)
    sections = {"": parts[0], **dict(zip(parts[1::2], parts[2::2]))}
    body = sections.get("Message", sections[""])
    body, _, offered = body.partition("Suggestions:")
    message = clean(body.partition("Common issues are")[0].partition("Got exception:")[0])
    if message.startswith("Error parsing where filter"):
        message = "The engine cannot read a filter."
    asked = " ".join(sections.get("Query Input", "").split())
    if asked and len(asked) <= 100 and "WhereFilter" not in asked and asked not in message:
        message = f"{message} (asked: {asked})"
    return message, suggested(offered)


def suggested(text):
    try:
        names = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return []
    return [BUILDER.sub(r"\1", str(n)) for n in names] if isinstance(names, list) else []


# --- validation ------------------------------------------------------------------------------------------------


def validate(manifest, warehouse, stops, skip_warehouse, seconds):
    """(issues of the manifest, issues of the warehouse) by the engine's own rules. A manifest with errors is not tried."""
    from metricflow.validation.data_warehouse_model_validator import DataWarehouseModelValidator
    from metricflow_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator

    found, tried = [], []
    # The rules one by one: the validator itself would make a pool of processes that nobody needs.
    for rule in SemanticManifestValidator.DEFAULT_RULES:
        stops.check()
        found.extend(rule.validate_manifest(manifest))
    if skip_warehouse or any(severity_of(i) == "error" for i in found):
        return found, tried
    warehouse.open()
    validator = DataWarehouseModelValidator(dry_runner(warehouse))
    until = time.monotonic() + seconds if seconds else None
    for part in ("semantic_models", "dimensions", "entities", "simple_metrics", "metrics"):
        stops.check()
        left = max(until - time.monotonic(), 0) if until else None
        tried.extend(getattr(validator, f"validate_{part}")(manifest, left).all_issues)
    return found, tried


def dry_runner(warehouse):
    """The engine's client of the warehouse, for statements that are explained and never run."""
    from dbt_metricflow.cli.dbt_connectors.adapter_backed_client import AdapterBackedSqlClient

    class DryRunner(AdapterBackedSqlClient):
        def dry_run(self, stmt, *args, **kwargs):
            if warehouse.adapter.type() not in EXPLAINS:
                warehouse.release()  # dbt would close the session under us
                return super().dry_run(stmt, *args, **kwargs)
            try:
                warehouse.run(f"EXPLAIN {stmt}", 1)
            except Refusal as refused:
                raise RuntimeError(warehouse.told(str(refused.__cause__).partition("\n")[0])) from None

    return DryRunner(warehouse.adapter)


WAREHOUSE_SAYS = re.compile(r"\.?\s*Received following error from data warehouse:\s*")
EXPLAINS = ("duckdb", "postgres", "redshift", "snowflake", "athena")


def severity_of(issue):
    return issue.level.name.lower()


def issue_text(issue, project):
    """One issue as Steward tells it: no path but one below the project, no traceback."""
    context = issue.context
    place = getattr(context, "file_context", context)
    kind, name = element_of(context)
    return {
        "severity": severity_of(issue),
        "message": clean(WAREHOUSE_SAYS.sub(". The warehouse says: ", issue.message))[:1500],
        "kind": kind,
        "name": name,
        "file": below(project, getattr(place, "file_name", None)),
        "line": getattr(place, "line_number", None) or 0,
    }


def element_of(context):
    if hasattr(context, "metric"):
        return "metric", context.metric.metric_name
    if hasattr(context, "semantic_model"):
        return "semantic model", context.semantic_model.semantic_model_name
    if hasattr(context, "semantic_model_element"):
        element = context.semantic_model_element
        return context.element_type.value, f"{element.semantic_model_name}.{element.element_name}"
    if hasattr(context, "element_value"):
        return "saved query", context.element_value
    if hasattr(context, "object_name"):
        return context.object_type.replace("_", " "), context.object_name
    return "", ""


def below(project, file):
    if not file:
        return ""
    found = os.path.relpath(os.path.join(project, file), project)
    return "" if found.startswith("..") else found.replace(os.sep, "/")


# --- serving ---------------------------------------------------------------------------------------------------


def memory():
    """Bytes that the process holds, or where the system does not tell, the most that it has held."""
    try:
        with open("/proc/self/statm", "rb") as found:
            return int(found.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


class Server:
    def __init__(self, channel, hello):
        self._channel, self._stops = channel, Stops(STOPS)
        self._idle = hello.get("idle_release_ms", 0) / 1000
        self._project = hello["project_dir"]
        beside = self._project if os.path.exists(os.path.join(self._project, "profiles.yml")) else os.path.expanduser("~/.dbt")
        # dbt reads relative paths in a profile from the folder it runs in, which is the project's.
        os.chdir(self._project)
        adapter = load_adapter(self._project, hello.get("profiles_dir") or beside, hello.get("target"))
        self._warehouse = Warehouse(adapter, hello.get("lock_wait_ms", 0) / 1000, self._stops)
        self._stops.interrupt = self._warehouse.interrupt
        self._semantics = Semantics(adapter)

    def ready(self):
        adapter = self._warehouse.adapter.type()
        return {
            "ready": True,
            "protocol": PROTOCOL,
            "adapter": adapter,
            "versions": {
                "python": platform.python_version(),
                "metricflow": version("metricflow"),
                "dbt_metricflow": version("dbt-metricflow"),
                "dbt_core": version("dbt-core"),
                "adapter": version(f"dbt-{adapter}"),
            },
        }

    def serve(self):
        try:
            while True:
                if self._channel.waits(self._idle_left()):
                    self._answer(self._channel.read())
                else:
                    self._warehouse.release()
        finally:
            self._warehouse.release()

    def _idle_left(self):
        """Seconds after which an unused connection is closed. A file must be let go of soon: dbt cannot write until then."""
        if not self._warehouse.is_open:
            return None
        kept = self._idle if self._warehouse.shares_a_file else SESSION_KEPT
        return max(self._warehouse.used + kept - time.monotonic(), 0)

    def _answer(self, request):
        number = request["id"]
        self._stops.begin(number)
        try:
            result, failed = self._dispatch(request), None
        except Refusal as refused:
            failed = refused
        except Stopped:
            failed = Refusal("canceled", "Nobody waits for the answer.")
        except EOFError:
            raise
        except Exception as error:  # noqa: BLE001 - one question must not end the worker
            print(f"worker: {type(error).__name__}: {clean(str(error))[:500]}", file=sys.stderr)
            failed = Refusal("engine", "The engine failed on this question.")
        finally:
            self._stops.end()
        if failed is None:
            try:
                return self._channel.write('{"id":%d,"rss":%d,"result":%s}' % (number, memory(), result))
            except Refusal as refused:
                failed = refused
        self._channel.write('{"id":%d,"rss":%d,"error":%s}' % (number, memory(), json.dumps(failed.frame())))

    def _dispatch(self, request):
        op = request.get("op")
        if op == "load":
            self._semantics.load(request["manifest"], self._channel.read_bytes())
            return "{}"
        if op == "compile":
            sql, expected = self._semantics.compile(request["manifest"], request["question"], request.get("field"))
            return json.dumps({"sql": sql, "columns": [{"name": n, "grain": g} for n, g in expected]})
        if op == "run":
            return self._run(request)
        if op == "validate":
            return self._validate(request)
        if op == "health":
            return json.dumps(self._health())
        raise Refusal("protocol", "The worker does not know this operation.")

    def _run(self, request):
        """Fetch one row more than the limit, so that it is known, not guessed, whether there were more."""
        limit, expected = request["limit"], request["columns"]
        try:
            description, rows = self._warehouse.run(request["sql"], limit + 1)
        except Refusal as refused:
            if refused.code == "value" and not request.get("filtered"):
                # No filter compared anything: the project's own SQL met data that it cannot read.
                raise Refusal("warehouse", "The warehouse could not answer this question.") from refused
            raise
        more, rows = len(rows) > limit, rows[:limit]
        found = [d[0].lower() for d in description]
        try:
            order = [found.index(column["name"].lower()) for column in expected]
        except ValueError:
            raise Refusal("engine", "The engine's columns are not those of the question.") from None
        if order != list(range(len(found))):
            rows = [tuple(row[i] for i in order) for row in rows]
        columns = []
        for at, column in enumerate(expected):
            raw = description[order[at]]
            scale = raw[5] if len(raw) > 5 else None
            kind = type_of(self._warehouse.type_name(raw[1]), scale, (row[at] for row in rows))
            columns.append({**column, "type": kind})
        return table_text(columns, rows, more)

    def _validate(self, request):
        everything, seconds = request.get("show_all"), request.get("timeout_ms", 0) / 1000
        found, tried = validate(
            self._semantics.manifest(request["manifest"]), self._warehouse, self._stops, request.get("skip_warehouse"), seconds
        )
        # What the warehouse's part warns of is that it did not get to the end, which is never to be left out.
        shown = [i for i in found if everything or severity_of(i) == "error"] + tried
        shown.sort(key=lambda i: ("error", "future_error", "warning").index(severity_of(i)))
        return json.dumps({"issues": [issue_text(i, self._project) for i in shown]})

    def _health(self):
        try:
            self._warehouse.run("SELECT 1", 1)
        except Refusal as refused:
            return {"warehouse": False, "problem": refused.frame()}
        return {"warehouse": True, "problem": None}


def refusal_to_start(error):
    """Why the worker cannot serve at all: what is missing, in a code and in names that pip knows."""
    text = str(error)
    if isinstance(error, ModuleNotFoundError):
        return Refusal("engine_missing", (error.name or "").split(".")[0])
    adapter = re.search(r"Could not find adapter type (\w+)", text)
    if adapter:
        return Refusal("adapter_missing", adapter.group(1))
    if isinstance(error, ImportError):
        return Refusal("engine_version", version("dbt-metricflow") or version("metricflow"))
    print(f"start: {type(error).__name__}: {clean(text)[:500]}", file=sys.stderr)
    if "rofile" in type(error).__name__ or "rofile" in text:
        return Refusal("profile", clean(text)[:300])
    return Refusal("project", clean(text)[:300])


def check_engine():
    import dbt.cli.main  # noqa: F401 - the first import decides what is missing
    import dbt_metricflow.cli.dbt_connectors.adapter_backed_client  # noqa: F401
    from metricflow.engine.metricflow_engine import OutputColumnOrderMode  # noqa: F401
    from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest  # noqa: F401


def follow_parent():
    """Where the kernel does not end the worker with its parent, look every second whether the parent is still there."""
    parent = os.getppid()

    def look():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    if not sys.platform.startswith("linux"):
        threading.Thread(target=look, daemon=True).start()


def main():
    channel = Channel()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for Steward, which then ends us
    follow_parent()
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(name)s: %(message)s", force=True)
    try:
        hello = channel.read()
        channel.max_frame = hello.get("max_frame", channel.max_frame)
        try:
            check_engine()
            server = Server(channel, hello)
            ready = server.ready()
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer says that there is no worker
            refused = error if isinstance(error, Refusal) else refusal_to_start(error)
            channel.write(json.dumps({"ready": False, "protocol": PROTOCOL, "problem": refused.frame()}))
            return
        channel.write(json.dumps(ready))
        server.serve()
    except (EOFError, BrokenPipeError):
        return  # Steward has closed the pipe: that is the end


main()
