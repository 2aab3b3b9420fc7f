# SPDX-License-Identifier: Apache-2.0
#
# A small certificate authority for the tests: made with the openssl program, valid for a few days, never stored in the tree.

import pathlib
import shutil
import subprocess


class Authority:
    """A certificate authority in a folder; issue() gives (certificate file, key file)."""

    def __init__(self, folder, name="test authority", algorithm="ec"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate = self.folder / "ca.crt"
        self.key = self.folder / "ca.key"
        run("req", "-x509", *new_key(self.key, algorithm), "-out", self.certificate, "-days", "3", "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE")

    def issue(self, name, alternative_names=(), file=None):
        """A certificate for common name `name`; alternative names as "DNS:localhost" or "IP:127.0.0.1"."""
        stem = self.folder / (file or name)
        request, extensions = stem.with_suffix(".csr"), stem.with_suffix(".ext")
        certificate, key = stem.with_suffix(".crt"), stem.with_suffix(".key")
        run("req", *new_key(key), "-out", request, "-subj", f"/CN={name}")
        extensions.write_text("subjectAltName=" + ",".join(alternative_names) + "\n" if alternative_names else "\n")
        run("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "3",
            "-out", certificate, "-extfile", extensions)
        key.chmod(0o600)
        return certificate, key

    def issue_for_localhost(self, file="server"):
        return self.issue("localhost", ("DNS:localhost", "IP:127.0.0.1"), file)


def new_key(path, algorithm="ec"):
    """A key of algorithm "ec" or "ed25519", whose signatures name no hash."""
    options = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] if algorithm == "ec" else [algorithm]
    return ["-newkey", *options, "-nodes", "-keyout", path]


def run(*arguments):
    done = subprocess.run([shutil.which("openssl") or "openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")
