# SPDX-License-Identifier: Apache-2.0
#
# The rules that tests/lint/lint.py checks, as data: which module may include which (docs/architecture.md, "Layers"), where
# third-party headers may appear, and what may stand in no file.

# Folder -> module. A file belongs to the longest folder that holds it.
MODULES = {
    "src/core": "core",
    "protocols/wire": "wire",
    "src/net": "net",
    "src/telemetry": "telemetry",
    "protocols/postgresql": "postgresql",
    "protocols/mysql": "mysql",
    "router": "router",
    "pool": "pool",
    "src/control": "control",
    "src/settings": "settings",
    "src/proxy": "proxy",
    "src/admin": "admin",
    "src/app": "app",
    "src": "main",
}

# Module -> the modules it may include besides itself. Anything else is a breach.
LAYERS = {
    "core": set(),
    "wire": {"core"},
    "net": {"core"},
    "telemetry": {"core"},
    "postgresql": {"wire", "core"},
    "mysql": {"wire", "core"},
    "router": {"wire", "net", "core"},
    "pool": {"net", "core"},
    "control": {"router", "mysql", "wire", "net", "telemetry", "core"},
    "settings": {"control", "router", "pool", "net", "telemetry", "wire", "core"},
    "proxy": {"settings", "control", "pool", "router", "postgresql", "mysql", "net", "telemetry", "wire", "core"},
    "admin": {"proxy", "control", "settings", "pool", "router", "postgresql", "net", "telemetry", "wire", "core"},
    "app": {"admin", "proxy", "control", "settings", "pool", "router", "postgresql", "mysql", "net", "telemetry", "wire",
            "core"},
    "main": {"app", "admin", "proxy", "control", "settings", "pool", "router", "postgresql", "mysql", "net", "telemetry",
             "wire", "core"},
}

# Third-party include prefix -> the modules that may use it; the longest prefix that fits counts.
THIRD_PARTY = {
    "libpq-fe.h": {"control"},
    "mysql.h": set(),  # ADR 15
    "mysql/": set(),
    "pg_query.h": {"postgresql"},
    "toml++/": {"settings"},
    "prometheus/": {"telemetry"},
    "spdlog/": {"telemetry"},
    "CLI/": {"main", "app"},
    "boost/beast": {"admin", "control"},
    "boost/asio": {"control", "admin", "app"},
    "openssl/": {"core", "net", "wire", "postgresql", "mysql", "control"},
    "openssl/rand.h": {"core", "net", "postgresql", "mysql", "proxy", "admin"},
    "boost/json": {"admin", "control", "telemetry", "postgresql"},
}

# Headers that one file alone may include: they would otherwise spread a library's types.
ONE_FILE_ONLY = ["libpq-fe.h", "mysql.h", "pg_query.h"]

LONGEST_FILE = 500

# Files that are programs or tests: they open with the licence line and keep to the length.
SOURCE_SUFFIXES = (".cpp", ".hpp", ".py", ".sh", ".js", ".mjs", ".java", ".go")
SCRIPTS = ("dev", ".ci/run")

# (what it is called, pattern, which files): a line that matches is a fault. Patterns are written in pieces, so that this file
# does not match itself.
FORBIDDEN = [
    ("unfinished work", r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b", ".*"),
    ("a path of one machine", r"(?<![\w.$}])/(wor" r"k|hom" r"e/\w+|roo" r"t)/", ".*"),
    ("a temporary path that should be chosen at run time", r"(?<![\w.$}])/tm" r"p/\w", r".*\.(cpp|hpp|py|js|mjs|java|go)"),
    ("a sleep in a test", r"\b(sleep" r"_for|sleep" r"_until|usl" r"eep|nanosl" r"eep|time\.sl" r"eep|asyncio\.sl" r"eep)\b",
     r"tests/(?!support/wait\.py|demo/|chaos/).*\.(cpp|hpp|py)"),
    ("a skipped test", r"\b(GTEST_SK" r"IP|DISABL" r"ED_\w+|skip" r"Test|unittest\.sk" r"ip\w*)\b", r"tests/.*"),
    ("how it was made", r"(?i)\b(clau" r"de|anthro" r"pic|chatg" r"pt|ll" r"m)\b", ".*"),
]
