# SPDX-License-Identifier: Apache-2.0
#
# The image holds what the program needs: each shared library that the built program names comes from a package that the Dockerfile's last
# stage installs, or that every Debian has.

import pathlib
import re
import subprocess
import unittest

from penstock import ROOT, program

IN_EVERY_DEBIAN = {"libc6", "libgcc-s1", "zlib1g"}
OF_SANITIZERS = {"libasan", "libubsan", "libtsan", "liblsan"}


def libraries_needed(path):
    text = subprocess.run(["objdump", "-p", path], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^\s+NEEDED\s+(\S+)$", text, re.MULTILINE)
    return [name for name in names if name.split(".")[0] not in OF_SANITIZERS and not name.startswith("ld-linux")]


def package_of(library):
    found = subprocess.run(["dpkg-query", "-S", f"*-linux-gnu/{library}"], capture_output=True, text=True).stdout
    return found.split(":")[0] if found else None


def packages_of_the_image():
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2].replace("\\\n", " ")
    return set(re.search(r"apt-get install (.*?)&&", last_stage).group(1).split())


class Image(unittest.TestCase):
    def test_every_library_of_the_program_is_installed_in_the_image(self):
        needed = {library: package_of(library) for library in libraries_needed(pathlib.Path(program()))}
        self.assertIn("libpq5", needed.values())
        there = packages_of_the_image() | IN_EVERY_DEBIAN
        self.assertEqual({library: package for library, package in needed.items() if package not in there}, {})


if __name__ == "__main__":
    unittest.main()
