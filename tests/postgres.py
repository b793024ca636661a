"""A real PostgreSQL for tests: started in a folder of its own, on a Unix socket only, and ended again."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from ivr.tools import Tool, tool, unpacked

_START_SECONDS = 60.0


@contextlib.contextmanager
def postgres_server(tmp: Path, *, runtime_dir: Path | None = None, use_installed: bool = True) -> Iterator[str]:
    """Start a server and yield its SQLAlchemy URL (`postgresql+psycopg://…`, database `postgres`).

    PostgreSQL refuses to run as root, so root hands it to an unprivileged user, in a temporary folder that
    this user can reach (pytest's cannot be); otherwise everything lies in `tmp`. Raises ToolMissing.
    """
    initdb, postgres = (tool(name, runtime_dir, use_installed=use_installed) for name in ("initdb", "postgres"))
    as_user = _unprivileged()
    # A Unix socket's path holds 107 bytes, too few for some temporary folders of pytest.
    with contextlib.ExitStack() as cleanup:
        home = tmp
        if as_user or len(str(tmp)) > 70:
            home = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="ivr-pg-")))
        if as_user:
            os.chown(home, as_user["user"], as_user["group"])
            initdb, postgres = _reachable(initdb, home), _reachable(postgres, home)
        data, log = home / "data", tmp / "postgres.log"
        init = subprocess.run(
            initdb.argv("-D", data, "-U", "ivr", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"),
            capture_output=True,
            text=True,
            env=initdb.environ(),
            cwd=home,
            **as_user,
        )
        assert init.returncode == 0, init.stdout + init.stderr
        with log.open("w") as said:
            server = subprocess.Popen(
                postgres.argv("-D", data, "-k", home, "-c", "listen_addresses=", "-c", "fsync=off"),
                stdout=said,
                stderr=said,
                env=postgres.environ(),
                cwd=home,
                **as_user,
            )
        try:
            _wait_for(f"host={home} user=ivr dbname=postgres", server, log)
            yield f"postgresql+psycopg://ivr@/postgres?host={home}"
        finally:
            _end(server)


def _unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _reachable(found: Tool, home: Path) -> Tool:
    """The tool itself, or a copy below `home` when others may not enter the folder it was unpacked into."""
    if found.root is None or all(p.stat().st_mode & 0o001 for p in found.root.parents):
        return found
    copy = home / "postgres"
    if not copy.exists():
        for part in ("usr/lib", "usr/share/postgresql", "lib"):
            source = found.root / part
            if source.is_dir():
                shutil.copytree(source, copy / part, symlinks=True, dirs_exist_ok=True)
    moved = unpacked(found.name, copy)
    assert moved is not None
    return moved


def _wait_for(conninfo: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(conninfo, connect_timeout=5).close()
        except psycopg.OperationalError:
            ended = server.poll() is not None
            assert not ended and time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.1)
        else:
            return


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGINT)  # "fast": ends the sessions that a failed test left open
    try:
        server.wait(timeout=20)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=10)
