"""Builds the engine's Python environment. scripts/engine.sh finds the interpreter and calls this.

The environment counts as installed once it holds a copy of the lock files, written last: a run that was interrupted
leaves none, and the next one starts over. Two runs at a time wait for one another.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from progress import Step

ROOT = Path(__file__).resolve().parent.parent
BUILD_LOCK = ROOT / "configs/engine/build-requirements.txt"
LOCK = ROOT / "configs/engine/requirements.txt"
FROM_SOURCE = ["halo"]  # published without a wheel; pure Python, built by the pinned setuptools


class Failed(Exception):
    """What to tell the user."""


def install(venv: Path) -> None:
    """Makes the environment anew and installs both locks into it."""
    log = venv.with_name(venv.name + "-install.log")
    with log.open("w", encoding="utf-8") as out:
        with Step("engine: private Python environment"):
            base = getattr(sys, "_base_executable", sys.executable)  # this may run in the very environment it replaces
            shutil.rmtree(venv, ignore_errors=True)
            run([base, "-m", "venv", str(venv)], log, out)
        with Step("engine: dbt, MetricFlow and its warehouses") as step:
            names = packages()
            pip(venv, log, out, step, names, "-r", str(BUILD_LOCK), "--only-binary=:all:")
            pip(
                venv, log, out, step, names, "-r", str(LOCK), "--only-binary=:all:", f"--no-binary={','.join(FROM_SOURCE)}",
                "--no-build-isolation", "--use-pep517",
            )
            step.at(0, 0, "trying it")
            run([str(venv / "bin/python"), "-IB", "-c", "import dbt.adapters.duckdb, dbt.adapters.postgres, dbt_metricflow.cli.main"], log, out)
    log.unlink()


def packages() -> set[str]:
    """The names that the lock pins for this platform, as near as a progress bar needs them."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return {re.split(r"[\[=]", line)[0] for line in lines if re.match(r"[a-z]", line) and "win32" not in line}


def pip(venv: Path, log: Path, out, step: Step, names: set[str], *arguments: str) -> None:
    """pip install, with every file's hash checked, and its lines turned into progress."""
    command = [
        str(venv / "bin/python"), "-Is", "-m", "pip", "install", "--require-hashes", "--no-input",
        "--disable-pip-version-check", "--progress-bar=off", *arguments,
    ]
    seen: set[str] = set()

    def line(text: str) -> None:
        if match := re.match(r"Collecting ([\w.-]+)", text):
            seen.add(match[1].lower())
            step.at(len(seen), len(names), f"fetching {match[1]}")
        elif text.startswith("Installing collected packages"):
            step.at(len(seen), len(names), "installing")

    run(command, log, out, line)


def run(command: list[str], log: Path, out, line=lambda text: None) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PYTHONHOME")}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    ) as process:
        last: list[str] = []
        for text in process.stdout:
            out.write(text)
            last = [*last[-7:], text.rstrip()]
            line(text)
    if process.returncode != 0:
        raise Failed(
            "engine: this did not work: " + " ".join(command[:5]) + " …\n  " + "\n  ".join(last)
            + f"\nengine: the whole output is in {log}. If it is the network: pip's own settings (PIP_INDEX_URL, PIP_CERT, "
            "a pip.conf) hold here too. Then run it again."
        )


def main() -> int:
    venv = Path(sys.argv[1]).absolute()
    venv.parent.mkdir(parents=True, exist_ok=True)
    wanted = BUILD_LOCK.read_bytes() + LOCK.read_bytes()
    stamp = venv / "installed.txt"
    with venv.with_name(venv.name + ".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_bytes() == wanted:
            return 0  # another run did it while this one waited
        try:
            install(venv)
        except Failed as failure:
            print(failure, file=sys.stderr)
            return 1
        unfinished = stamp.with_suffix(".new")
        unfinished.write_bytes(wanted)
        unfinished.replace(stamp)
    print(f"engine: ready in {venv}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
