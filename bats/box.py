# SPDX-License-Identifier: Apache-2.0
"""What torture.py and model.py begin with: a root file system of busybox, and the default configuration with it."""
import json
import os
import shutil
import signal
import subprocess
import sys

APPLETS = "sh sleep true id hostname grep cat stat touch rm wc".split()


def end_properly():
    """SIGTERM ends the program as an error would: what it has made it takes away."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def make_rootfs(path, *more):
    for d in ("bin", "dev", "proc", "sys", "tmp", *more):
        os.makedirs(os.path.join(path, d))
    os.chmod(os.path.join(path, "tmp"), 0o1777)
    shutil.copy("/bin/busybox", os.path.join(path, "bin"))
    for applet in APPLETS:
        os.symlink("busybox", os.path.join(path, "bin", applet))


def configuration(hull, bundle, rootfs):
    """That of `hull spec`, for a program that sleeps."""
    subprocess.run([hull, "spec", "--bundle", bundle], check=True)
    with open(os.path.join(bundle, "config.json")) as f:
        config = json.load(f)
    config["process"].update({"terminal": False, "args": ["/bin/sleep", "1000"]})
    config["root"] = {"path": rootfs, "readonly": True}
    return config
