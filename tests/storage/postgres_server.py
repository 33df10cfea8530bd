"""A real PostgreSQL server on loopback for tests: its own folder, its own port, no flushing to disk."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

__all__ = ["PASSWORD", "PostgresServer", "programs"]

PASSWORD = "ge:h/ei@m %"
"""With every character that a URL must quote."""

QUOTED = "ge%3Ah%2Fei%40m%20%25"
_NOBODY = 65534  # the server refuses to run as root


def programs() -> Path | None:
    """The folder of `initdb`, `pg_ctl` and `postgres`, or None where they are not installed."""
    on_path = shutil.which("initdb")
    if on_path is not None and shutil.which("postgres") is not None:
        return Path(on_path).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


class PostgresServer:
    """Started by `start`; `stop` and `start` again keep what was written."""

    def __init__(self, bin_folder: Path, *, settings: str = "-c fsync=off") -> None:
        self.bin, self.settings = bin_folder, settings
        self.folder = Path(tempfile.mkdtemp(prefix="searchitect-postgres-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        if os.geteuid() == 0:
            os.chown(self.folder, _NOBODY, _NOBODY)
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            "initdb", "-D", self.data, "-U", "searchitect", "-A", "scram-sha-256", f"--pwfile={secret}",
            "--no-sync", "-E", "UTF8", "--no-instructions",
        )  # fmt: skip

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def url(self, password: str = QUOTED, database: str = "postgres", user: str = "searchitect") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=60 "
        self._run(
            "pg_ctl", "-D", self.data, "-w", "-l", str(self.folder / "log"), "-o", options + self.settings, "start"
        )

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="searchitect", password=PASSWORD, dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def end(self) -> None:
        """Stop it and remove its folder."""
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        as_root = os.geteuid() == 0
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,  # the server keeps what it is given
            stderr=subprocess.STDOUT,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            user=_NOBODY if as_root else None,
            group=_NOBODY if as_root else None,
            extra_groups=[] if as_root else None,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout}")
