# SPDX-License-Identifier: Apache-2.0
#
# What the examples for containers promise: secrets come from outside, the health check is Penstock's own, the application waits for it, and
# nothing is stopped before the drain can end.

import json
import pathlib
import re
import tomllib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class TaskDefinition(unittest.TestCase):
    def setUp(self):
        task = json.loads((ROOT / "config/examples/ecs-task-definition.json").read_text())
        self.containers = {container["name"]: container for container in task["containerDefinitions"]}

    def test_secrets_reach_containers_as_secrets_only(self):
        names = {secret["name"] for container in self.containers.values() for secret in container["secrets"]}
        self.assertEqual(names, {"PENSTOCK_UPSTREAM", "DATABASE_URL"})
        self.assertNotIn("environment", self.containers["penstock"])

    def test_the_health_check_is_penstocks_own(self):
        self.assertEqual(self.containers["penstock"]["healthCheck"]["command"], ["CMD", "penstock", "health"])

    def test_the_application_waits_until_penstock_is_healthy(self):
        self.assertIn({"containerName": "penstock", "condition": "HEALTHY"}, self.containers["app"]["dependsOn"])

    def test_the_drain_fits_into_the_stop_time_out(self):
        drain = tomllib.loads((ROOT / "config/penstock.toml").read_text())["drain_timeout"]
        self.assertLess(int(drain.removesuffix("s")), self.containers["penstock"]["stopTimeout"])


class Image(unittest.TestCase):
    def setUp(self):
        self.lines = (ROOT / "Dockerfile").read_text().splitlines()

    def last(self, word):
        return [line for line in self.lines if line.startswith(word + " ")][-1]

    def test_penstock_is_process_one_and_hears_the_stop_signal(self):
        self.assertEqual(self.last("ENTRYPOINT"), 'ENTRYPOINT ["penstock"]')
        self.assertEqual(self.last("STOPSIGNAL"), "STOPSIGNAL SIGTERM")

    def test_it_is_not_root(self):
        self.assertRegex(self.last("USER"), r"^USER [1-9]\d*:[1-9]\d*$")

    def test_the_last_stage_holds_no_build(self):
        last_stage = "\n".join(self.lines).rpartition("\nFROM ")[2]
        self.assertNotIn("COPY . ", last_stage)
        self.assertNotRegex(last_stage, r"\b(g\+\+|cmake|-dev)\b")


class Compose(unittest.TestCase):
    def test_every_file_it_mounts_exists(self):
        text = (ROOT / "docker-compose.yml").read_text()
        mounted = re.findall(r"- \./([^:]+):", text)
        self.assertGreater(len(mounted), 2)
        for path in mounted:
            self.assertTrue((ROOT / path).exists(), path)

    def test_penstock_gets_time_to_drain(self):
        self.assertIn("stop_grace_period: 30s", (ROOT / "docker-compose.yml").read_text())


if __name__ == "__main__":
    unittest.main()
