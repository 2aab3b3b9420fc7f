# SPDX-License-Identifier: Apache-2.0
#
# Checks what no compiler checks: the layers between modules, where third-party headers may appear, the licence line, the length
# of files and what may stand in none. Run as a program it prints every fault as "file:line: what is wrong" and fails if
# there is one; with --json it prints {rule: [faults]}. lint_test.py shows that each rule can fail.

import json
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

import rules

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Fault(NamedTuple):
    path: str
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    results = check_tree(read_tree(root))
    if "--json" in sys.argv:
        print(json.dumps({name: [str(fault) for fault in faults] for name, faults in results.items()}))
        return 0
    faults = [fault for found in results.values() for fault in found]
    for fault in faults:
        print(fault)
    print(f"lint: {len(results)} rules, {len(faults)} faults")
    return 1 if faults else 0


def read_tree(root):
    """All text files that git knows or would add, by path relative to the root."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, check=True,
                            capture_output=True).stdout.decode()
    files = {}
    for name in filter(None, listed.split("\0")):
        try:
            files[name] = (root / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # a binary file (a fuzz corpus), or one that was just removed
    return files


def check_tree(files):
    """Rule name -> its faults, for every rule, over {path: text}."""
    results = {
        "layers": check_each(files, layer_faults),
        "third-party headers": check_each(files, third_party_faults) + spread_faults(files),
        "licence line": check_each(files, licence_faults),
        "length": check_each(files, length_faults),
    }
    for name, pattern, where in rules.FORBIDDEN:
        results[f"no {name}"] = forbidden_faults(files, name, re.compile(pattern), re.compile(where))
    return results


def check_each(files, check):
    return [fault for path, text in sorted(files.items()) for fault in check(path, text)]


def layer_faults(path, text):
    module = module_of(path)
    if module is None:
        return
    for number, quoted, header in includes(text):
        other = module_of_header(header)
        if not quoted or other is None or other == module:
            continue
        if other not in rules.LAYERS[module]:
            yield Fault(path, number, f"{module} may not include {other} ({header})")


def third_party_faults(path, text):
    module = module_of(path)
    if module is None:
        return
    for number, _, header in includes(text):
        prefixes = [prefix for prefix in rules.THIRD_PARTY if header.startswith(prefix)]
        allowed = rules.THIRD_PARTY[max(prefixes, key=len)] if prefixes else {module}
        if module not in allowed:
            yield Fault(path, number, f"{module} may not include {header}; only {', '.join(sorted(allowed))} may")


def spread_faults(files):
    faults = []
    for header in rules.ONE_FILE_ONLY:
        users = [(path, number) for path, text in sorted(files.items()) if module_of(path)
                 for number, _, name in includes(text) if name.removeprefix("postgresql/") == header]
        faults += [Fault(path, number, f"{header} is included by {users[0][0]} already; one file alone may")
                   for path, number in users[1:]]
    return faults


def licence_faults(path, text):
    if path.endswith(rules.SOURCE_SUFFIXES) or path in rules.SCRIPTS:
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in text.splitlines()[:2]):
            yield Fault(path, 1, "does not open with the licence line")


def length_faults(path, text):
    lines = text.count("\n")
    if (path.endswith(rules.SOURCE_SUFFIXES) or path in rules.SCRIPTS) and lines > rules.LONGEST_FILE:
        yield Fault(path, lines, f"has {lines} lines, over {rules.LONGEST_FILE}")


def forbidden_faults(files, name, pattern, where):
    return [Fault(path, number, f"holds {name}: {match.group(0).strip()}")
            for path, text in sorted(files.items()) if where.fullmatch(path)
            for number, line in enumerate(text.splitlines(), 1)
            if (match := pattern.search(line))]


def includes(text):
    for number, line in enumerate(text.splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match.group(1) == '"', match.group(2)


def module_of(path):
    if not path.endswith((".cpp", ".hpp")):
        return None
    folders = [folder for folder in rules.MODULES if path.startswith(folder + "/")]
    return rules.MODULES[max(folders, key=len)] if folders else None


def module_of_header(header):
    """The module a quoted include names; include roots are the repository and src/."""
    for candidate in (header, "src/" + header):
        folders = [folder for folder in rules.MODULES if folder != "src" and candidate.startswith(folder + "/")]
        if folders:
            return rules.MODULES[max(folders, key=len)]
    return None


if __name__ == "__main__":
    sys.exit(main())
