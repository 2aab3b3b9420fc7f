# SPDX-License-Identifier: Apache-2.0
#
# Debian 12's PgBouncer (1.18) knows no prepared statements in transaction pooling. To compare with the present one, this fetches the
# package of Debian unstable and the libraries it needs by apt, with lists and a cache of their own, unpacks them into a private
# folder and points the program at its own C library there. Nothing is installed.

import pathlib
import re
import shutil
import subprocess

SOURCE = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian unstable main\n"


def fetch(folder):
    """Path of the program in its own folder, fetched the first time; None where that is not possible."""
    folder = pathlib.Path(folder).resolve()
    program = folder / "root/usr/sbin/pgbouncer"
    if program.exists() and (folder / "complete").exists():
        return program
    try:
        shutil.rmtree(folder, ignore_errors=True)
        unpack(folder)
        point_at_own_libraries(folder / "root", program)
        subprocess.run([program, "--version"], check=True, capture_output=True)
        (folder / "complete").touch()
        return program
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"no newer PgBouncer to be had ({error}); the installed one is used")
        return None


def unpack(folder):
    apt = apt_options(folder)
    run(["apt-get", *apt, "-qq", "update"])
    packages = closure(apt, "pgbouncer")
    archives = folder / "archives"
    archives.mkdir()
    run(["apt-get", *apt, "-qq", "download", *packages], cwd=archives)
    for archive in sorted(archives.glob("*.deb")):
        run(["dpkg-deb", "-x", archive, folder / "root"])


def apt_options(folder):
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(SOURCE)
    (folder / "status").write_text("")
    options = {"Dir::Etc::SourceList": folder / "sources.list", "Dir::Etc::SourceParts": "/dev/null",
               "Dir::State::lists": folder / "lists", "Dir::State::status": folder / "status", "Dir::Cache": folder / "cache",
               "Acquire::Languages": "none", "APT::Sandbox::User": "",
               "Acquire::Check-Valid-Until": "false"}  # for mirrors that stand still; the signature counts all the same
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]


def closure(apt, package):
    """The package and all libraries it needs, directly or not."""
    wanted, seen = [package], []
    while wanted:
        name = wanted.pop()
        seen.append(name)
        text = run(["apt-cache", *apt, "--no-recommends", "--no-suggests", "depends", name])
        for dependency in re.findall(r"Depends: (lib[\w.+-]+)", text):
            if dependency not in seen and dependency not in wanted:
                wanted.append(dependency)
    return sorted(set(seen))


def point_at_own_libraries(root, program):
    loader = next(iter([*root.glob("usr/lib64/ld-linux-*"), *root.glob("lib64/ld-linux-*"), *root.glob("usr/lib/ld-linux-*"),
                        *root.glob("lib/ld-linux-*")]))
    folders = sorted({str(path.parent) for path in root.rglob("*.so*") if path.parent.name.endswith("-linux-gnu")})
    run(["patchelf", "--set-interpreter", loader, "--force-rpath", "--set-rpath", ":".join(folders), program])


def run(arguments, **options):
    return subprocess.run([str(a) for a in arguments], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


if __name__ == "__main__":
    import sys
    print(fetch(sys.argv[1]))
