"""Progress of long steps: one line that moves on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import threading
import time


class Step:
    """A step that takes a while. Use it as a context manager; it ends with one line that says how long it took.

    at(done, total, what) says how far it is. Without a total, only the time and the text are shown.
    """

    def __init__(self, name: str, interval: float = 10.0) -> None:
        self.name, self.interval = name, interval
        self.started = time.monotonic()
        self.tty = sys.stdout.isatty()
        self.done, self.total, self.what = 0, 0, ""
        self.stop = threading.Event()
        self.ticker = threading.Thread(target=self._tick, daemon=True)

    def at(self, done: int, total: int, what: str = "") -> None:
        self.done, self.total, self.what = done, total, what

    def __enter__(self) -> "Step":
        self.ticker.start()
        return self

    def __exit__(self, kind, *_) -> None:
        self.stop.set()
        self.ticker.join()
        if self.tty:
            print("\r\033[K", end="")
        outcome = f"done in {self._elapsed():.1f} s" if kind is None else f"failed after {self._elapsed():.1f} s"
        print(f"{self.name}: {outcome}", flush=True)

    def _elapsed(self) -> float:
        return time.monotonic() - self.started

    def _tick(self) -> None:
        if not self.tty:
            print(f"{self.name} …", flush=True)
        while not self.stop.wait(0.2 if self.tty else self.interval):
            print(f"\r\033[K{self._line()}" if self.tty else self._line() + "\n", end="", flush=True)

    def _line(self) -> str:
        line = f"{self.name} "
        if self.total:
            filled = min(24, 24 * self.done // self.total)
            line += f"[{'#' * filled}{'.' * (24 - filled)}] {self.done}/{self.total} "
        line += f"{self._elapsed():.0f} s {self.what}"
        return line[: shutil.get_terminal_size().columns - 1] if self.tty else line
