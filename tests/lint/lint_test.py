# SPDX-License-Identifier: Apache-2.0
#
# Shows that the lint sees what it is there for: each rule is given a small made-up tree that breaks it, and one that does not.

import unittest

import lint
import rules

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"


def faults_of(rule, files):
    return [str(fault) for fault in lint.check_tree(files)[rule]]


class Layers(unittest.TestCase):
    def test_every_module_has_a_layer(self):
        self.assertEqual(set(rules.MODULES.values()), set(rules.LAYERS))

    def test_no_two_modules_may_include_each_other(self):
        for module, lower in rules.LAYERS.items():
            for other in lower:
                self.assertNotIn(module, rules.LAYERS[other], f"{module} and {other}")

    def test_an_upward_include_is_a_breach(self):
        files = {"src/core/bytes.hpp": LICENCE + '#include "net/stream.hpp"\n'}
        self.assertEqual(faults_of("layers", files), ["src/core/bytes.hpp:2: core may not include net (net/stream.hpp)"])

    def test_the_two_protocols_do_not_know_each_other(self):
        files = {"protocols/postgresql/frame.cpp": '#include "protocols/mysql/frame.hpp"\n'}
        self.assertEqual(len(faults_of("layers", files)), 1)

    def test_a_downward_include_and_ones_own_module_are_fine(self):
        files = {"src/proxy/session.cpp": '#include "proxy/session.hpp"\n#include "protocols/wire/conversation.hpp"\n'}
        self.assertEqual(faults_of("layers", files), [])


class ThirdParty(unittest.TestCase):
    def test_a_library_outside_its_module_is_a_breach(self):
        files = {"src/proxy/session.cpp": "#include <spdlog/spdlog.h>\n"}
        self.assertEqual(len(faults_of("third-party headers", files)), 1)

    def test_libpq_stays_in_one_file(self):
        files = {"src/control/libpq_client.cpp": "#include <libpq-fe.h>\n", "src/control/probe.cpp": "#include <libpq-fe.h>\n"}
        self.assertEqual(len(faults_of("third-party headers", files)), 1)


class FileRules(unittest.TestCase):
    def test_the_licence_line_is_asked_for(self):
        self.assertEqual(len(faults_of("licence line", {"pool/pool.hpp": "#pragma once\n", "docs/x.md": "text\n"})), 1)

    def test_a_script_may_open_with_its_interpreter(self):
        self.assertEqual(faults_of("licence line", {"dev": "#!/bin/bash\n# SPDX-License-Identifier: Apache-2.0\n"}), [])

    def test_long_files_are_found(self):
        self.assertEqual(len(faults_of("length", {"pool/pool.cpp": LICENCE + "\n" * 500})), 1)
        self.assertEqual(faults_of("length", {"pool/pool.cpp": LICENCE + "\n" * 499}), [])

    def test_what_may_stand_in_no_file_is_found(self):
        samples = {
            "no unfinished work": ("pool/pool.cpp", "// TO" + "DO: later"),
            "no a path of one machine": ("docs/x.md", "see /wor" + "k/main/dev"),
            "no a temporary path that should be chosen at run time": ("tests/unit/a_test.cpp", 'open("/tm' + 'p/socket")'),
            "no a sleep in a test": ("tests/unit/a_test.cpp", "std::this_thread::sleep" + "_for(1s);"),
            "no a skipped test": ("tests/unit/a_test.cpp", "GTEST_SK" + "IP();"),
        }
        for rule, (path, line) in samples.items():
            self.assertEqual(len(faults_of(rule, {path: line + "\n"})), 1, rule)
            self.assertEqual(faults_of(rule, {path: "an innocent line\n"}), [], rule)


if __name__ == "__main__":
    unittest.main()
