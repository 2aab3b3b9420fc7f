# SPDX-License-Identifier: Apache-2.0
#
# Debian 12 has MariaDB but no MySQL. This brings MySQL's server and clients from Debian unstable, with every library they need, into
# a private folder: an apt state of its own finds and fetches the packages, signed by Debian's archive keys; they are unpacked there and
# the programs pointed at that folder's own loader and libraries, so that they run as ordinary programs. Nothing is installed.
#
# The folder appears whole or not at all and is then kept: PENSTOCK_MYSQL names another place. Where the packages cannot be had, the
# reason is kept beside it in one sentence and the tests that need MySQL are named as skipped. `mysql_fetch.py` fetches what is
# missing, `mysql_fetch.py --again` the newest.

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PACKAGES = ("mysql-server-core", "mysql-client-core")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SOURCE = f"deb [signed-by={KEYRING}] http://deb.debian.org/debian unstable main\n"
LONGEST = 900  # seconds for one step


class NotAvailable(Exception):
    """MySQL is not here; the text says why, in one sentence."""


def folder():
    """Where the programs are kept. Root's own cache folder is closed to the user that servers of tests run as."""
    if place := os.environ.get("PENSTOCK_MYSQL"):
        return pathlib.Path(place).absolute()
    if os.geteuid() == 0:
        return pathlib.Path("/var/cache/penstock/mysql")
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "penstock" / "mysql"


def find():
    """The folder with the programs in it; never fetches anything."""
    if not (folder() / "usr/sbin/mysqld").exists():
        with contextlib.suppress(OSError):
            raise NotAvailable(reason_file().read_text().strip())
        raise NotAvailable("MySQL has not been fetched yet: ./dev setup does it")
    return folder()


def program(name):
    """Path of a program, such as mysqld or mysql."""
    return next(path for path in (find() / "usr/sbin" / name, find() / "usr/bin" / name) if path.exists())


def fetch(again=False):
    """The folder with the programs in it, fetched if they are not there yet."""
    folder().parent.mkdir(parents=True, exist_ok=True)
    with open(folder().with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if again or not (folder() / "usr/sbin/mysqld").exists():
            reason_file().unlink(missing_ok=True)
            try:
                bring()
            except (subprocess.SubprocessError, OSError, NotAvailable) as error:
                reason_file().write_text(f"MySQL could not be fetched from Debian unstable: {one_line(error)}\n")
        return find()


def reason_file():
    return folder().with_suffix(".reason")


def bring():
    if not os.path.exists(KEYRING):
        raise NotAvailable(f"{KEYRING} is missing")
    with tempfile.TemporaryDirectory(prefix="mysql-", dir=folder().parent) as made:
        work = pathlib.Path(made)
        root = work / "root"
        for archive in download(work):
            run("dpkg-deb", "-x", archive, root)
        loader, libraries = own_loader(root), own_libraries(root)
        for path in executables(root):
            point_at(path, loader, libraries, root)
        run(loader, "--library-path", ":".join(map(str, libraries)), root / "usr/sbin/mysqld", "--no-defaults", "--version")
        root.chmod(0o755)
        put_in_place(root, work / "previous")


def download(work):
    """The archives of the packages and of all that they depend on: an empty package state makes apt resolve every one."""
    for name in ("lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    (work / "sources.list").write_text(SOURCE)
    (work / "status").write_text("")
    options = {"Dir::Etc::SourceList": work / "sources.list", "Dir::Etc::SourceParts": "/dev/null", "Dir::Etc::Preferences": "/dev/null",
               "Dir::Etc::PreferencesParts": "/dev/null", "Dir::State": work, "Dir::State::Lists": work / "lists",
               "Dir::State::Status": work / "status", "Dir::Cache": work / "cache", "Acquire::Languages": "none",
               "Acquire::Retries": 2, "Acquire::http::Timeout": 30, "APT::Sandbox::User": "", "APT::Update::Error-Mode": "any",
               "APT::Install-Recommends": "false", "Debug::NoLocking": "true",
               "Acquire::Check-Valid-Until": "false"}  # mirrors that stand still are older than that; the signature counts all the same
    settings = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    run("apt-get", *settings, "-qq", "update")
    run("apt-get", *settings, "-qq", "-y", "--download-only", "install", *PACKAGES)
    return sorted((work / "cache/archives").glob("*.deb"))


def own_loader(root):
    return next(path.resolve() for path in [*root.glob("usr/lib64/ld-linux-*"), *root.glob("usr/lib/ld-linux-*")])


def own_libraries(root):
    return sorted({path.parent for path in root.glob("usr/lib/*-linux-gnu/**/lib*.so*") if path.parent.name != "gconv"})


def executables(root):
    """The compiled programs among what the two packages bring."""
    for path in [*root.glob("usr/sbin/mysql*"), *root.glob("usr/bin/mysql*")]:
        with open(path, "rb") as start:
            if not path.is_symlink() and start.read(4) == b"\x7fELF":
                yield path


def point_at(path, loader, libraries, root):
    """Makes the program use the loader and libraries at the place where they will be."""
    there = [str(folder() / library.relative_to(root)) for library in libraries]
    run("patchelf", "--set-interpreter", folder() / loader.relative_to(root), "--force-rpath", "--set-rpath", ":".join(there), path)


def put_in_place(root, previous):
    if folder().exists():
        folder().rename(previous)
    root.rename(folder())


def run(*arguments):
    done = subprocess.run([str(a) for a in arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST,
                          env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"})
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise NotAvailable(f"{pathlib.Path(str(arguments[0])).name} said: {said[0] if said else f'status {done.returncode}'}")


def one_line(error):
    return " ".join(str(error).split()).rstrip(".")[:300]


def main():
    had = (folder() / "usr/sbin/mysqld").exists()
    try:
        fetch(again="--again" in sys.argv[1:])
    except NotAvailable as reason:
        print(f"{reason}; the tests that need MySQL are named as skipped", file=sys.stderr)
        return 1
    if not had:
        print(f"MySQL is in {folder()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
