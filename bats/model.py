#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sequences of commands against a model of a container's life, with random configurations.

model.py SECONDS [SEED]: three containers; each step is a command, and the model knows whether it succeeds and what status
follows (runtime.md, Lifecycle). A configuration is put together of features; each has a way to see from inside (exec)
that it is in force. One in six is spoilt in a place that the model knows: create must fail and name it. Exit code 1 with
the steps of that container when hull and the model do not agree.
"""
import copy
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import box  # noqa: E402

HULL = os.path.realpath(os.environ["HULL"])
NAME = f"hull-model-{os.getpid()}"


def at(config, path):
    for key in path[:-1]:
        config = config.setdefault(key, {})
    return config, path[-1]


def put(path, value):
    def change(config):
        parent, key = at(config, path)
        parent[key] = copy.deepcopy(value)

    def holds(config):
        parent, key = at(copy.deepcopy(config), path)
        return parent.get(key) == value
    change.holds = holds
    return change


def more(path, *values):
    def change(config):
        parent, key = at(config, path)
        parent.setdefault(key, []).extend(copy.deepcopy(list(values)))
    return change


def without_namespace(kind):
    def change(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != kind]
        if kind == "uts":
            config.pop("hostname", None)
    return change


def with_cgroup_namespace(config):
    without_namespace("cgroup")(config)
    config["linux"]["namespaces"].append({"type": "cgroup"})


# What changes the configuration, a command to run inside, what it says.
FEATURES = [
    (put(["hostname"], "model"), "hostname", "model"),
    (put(["process", "user"], {"uid": 7, "gid": 8, "additionalGids": [9]}), "id -u; id -g", "7\n8"),
    (put(["process", "user"], {"uid": 0, "gid": 0, "umask": 0o77}), "umask", "0077"),
    (put(["process", "rlimits"], [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 78}]), "ulimit -n; ulimit -Hn", "77\n78"),
    (put(["process", "noNewPrivileges"], False), "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0"),
    (put(["process", "noNewPrivileges"], True), "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
    (put(["process", "capabilities"], {}), "grep CapBnd /proc/self/status", "CapBnd:\t0000000000000000"),
    (put(["process", "capabilities"], {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]}),
     "grep CapBnd /proc/self/status", "CapBnd:\t0000000000000020"),
    (put(["process", "cwd"], "/tmp"), "pwd", "/tmp"),
    (put(["process", "oomScoreAdj"], 321), "cat /proc/self/oom_score_adj", "321"),
    (more(["process", "env"], "MODEL=a b"), "echo $MODEL", "a b"),
    (put(["root", "readonly"], True), "touch /x 2>/dev/null || echo no", "no"),
    (put(["root", "readonly"], False), "touch /tmp/x && rm /tmp/x && echo yes", "yes"),
    (more(["mounts"], {"destination": "/m/a", "type": "tmpfs", "source": "x", "options": ["size=64k", "mode=711"]}),
     "stat -c %a /m/a; stat -f -c %b /m/a", "711\n16"),
    (more(["mounts"], {"destination": "/bound", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]}),
     "touch /bound/x 2>/dev/null || echo no", "no"),
    (more(["linux", "maskedPaths"], "/proc/version"), "wc -c </proc/version", "0"),
    (more(["linux", "readonlyPaths"], "/dev/shm"), "touch /dev/shm/x 2>/dev/null || echo no", "no"),
    (put(["linux", "sysctl"], {"net.ipv4.ip_default_ttl": "77"}), "cat /proc/sys/net/ipv4/ip_default_ttl", "77"),
    (put(["linux", "seccomp"], {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["sethostname"], "action": "SCMP_ACT_ERRNO", "errnoRet": 110}]}), "grep Seccomp: /proc/self/status", "Seccomp:\t2"),
    (put(["linux", "devices"], [{"path": "/dev/model", "type": "c", "major": 1, "minor": 5, "fileMode": 0o600}]),
     "stat -c '%t:%T %a' /dev/model", "1:5 600"),
    (without_namespace("uts"), "true", ""),
    (without_namespace("ipc"), "true", ""),
    (with_cgroup_namespace, "grep -c ':/$' /proc/self/cgroup >/dev/null && echo root", "root"),
]

# What spoils it, and the end of hull's sentence.
SPOILT = [
    (put(["process", "cwd"], "tmp"), "(/process/cwd)"),
    (put(["process", "args"], []), "(/process/args)"),
    (put(["process", "args"], ["/none"]), "(/process/args/0)"),
    (put(["process", "user"], {"uid": -1, "gid": 0}), "(/process/user/uid)"),
    (put(["process", "rlimits"], [{"type": "RLIMIT_MODEL", "soft": 1, "hard": 1}]), "(/process/rlimits/0/type)"),
    (put(["process", "oomScoreAdj"], "x"), "(/process/oomScoreAdj)"),
    (put(["root", "path"], "/none"), "(/root/path)"),
    (more(["mounts"], {"destination": "/m", "type": "bind", "source": "/none"}), "/source)"),
    (put(["linux", "sysctl"], {"kernel.model": "1"}), "(/linux/sysctl/kernel.model)"),
    (lambda c: c["linux"]["namespaces"].append({"type": "model"}), "/type)"),
    (lambda c: c["linux"]["namespaces"].append({"type": "pid"}), "/linux/namespaces"),
    (put(["linux", "cgroupsPath"], 5), "(/linux/cgroupsPath)"),
    (put(["linux", "seccomp"], {"defaultAction": "SCMP_ACT_MODEL"}), "(/linux/seccomp/defaultAction)"),
    (put(["hooks"], {"createRuntime": [{"path": "none"}]}), "(/hooks/createRuntime/0/path)"),
    (put(["hooks"], {"createRuntime": [{"path": "/bin/false"}]}), "(/hooks/createRuntime/0)"),
]

# status: {command: (succeeds, status afterwards)}; what is not there fails and changes nothing.
LIFE = {
    None: {"create": (True, "created"), "run": (True, "running"), "delete --force": (True, None)},
    "created": {"start": (True, "running"), "delete": (True, None), "delete --force": (True, None), "kill": (True, "stopped"),
                "pause": (True, "paused created"), "exec": (True, "created"), "state": (True, "created"), "ps": (True, "created"),
                "update": (True, "created")},
    "running": {"delete --force": (True, None), "kill": (True, "stopped"), "pause": (True, "paused"), "exec": (True, "running"),
                "state": (True, "running"), "ps": (True, "running"), "update": (True, "running")},
    "paused": {"delete --force": (True, None), "kill": (True, "stopped"), "resume": (True, "running"), "state": (True, "paused"),
               "ps": (True, "paused"), "update": (True, "paused")},
    "paused created": {"delete --force": (True, None), "kill": (True, "stopped"), "resume": (True, "created"),
                       "state": (True, "paused created"), "ps": (True, "paused created"), "update": (True, "paused created")},
    "stopped": {"delete": (True, None), "delete --force": (True, None), "state": (True, "stopped"), "ps": (True, "stopped"),
                "update": (False, "stopped")},
}
COMMANDS = {"create": 4, "run": 4, "start": 5, "exec": 6, "kill": 2, "pause": 2, "resume": 3, "delete": 2, "delete --force": 1, "state": 2,
            "ps": 1, "update": 1}


class Disagreement(Exception):
    pass


class Model:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.dir = tempfile.mkdtemp(prefix="hull-model.", dir="/dev/shm")
        self.root = os.path.join(self.dir, "state")
        self.status = {f"{NAME}-{i}": None for i in range(3)}
        self.probes = {}
        self.steps = {name: [] for name in self.status}
        self.n = 0
        self.has_pids = self.controller("pids")
        rootfs = os.path.join(self.dir, "rootfs")
        box.make_rootfs(rootfs, "m", "bound")
        self.base = box.configuration(HULL, self.dir, rootfs)

    @staticmethod
    def controller(name):
        try:
            with open("/sys/fs/cgroup/cgroup.controllers") as f:
                return name in f.read().split()
        except OSError:
            return os.path.isdir("/sys/fs/cgroup/" + name)

    def hull(self, *args):
        # Files, not pipes: the container keeps its standard output.
        with tempfile.TemporaryFile(dir=self.dir) as out:
            p = subprocess.run([HULL, "--root", self.root, *args], stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=30)
            out.seek(0)
            return p.returncode, out.read().decode(errors="replace")

    def configuration(self, name):
        """Writes config.json; returns the end of the sentence with which it is refused, or None."""
        config = copy.deepcopy(self.base)
        chosen = self.rng.sample(FEATURES, self.rng.randint(0, 6))
        for change, _, _ in chosen:
            change(config)
        # What a later one has overwritten is not to be seen any more.
        self.probes[name] = [(probe, answer) for change, probe, answer in chosen
                             if not hasattr(change, "holds") or change.holds(config)]
        if "hostname" in config and not any(n["type"] == "uts" for n in config["linux"]["namespaces"]):
            wrong = "(/hostname)"
        else:
            wrong = None
            if self.rng.random() < 1 / 6:
                spoil, wrong = self.rng.choice(SPOILT)
                spoil(config)
        with open(os.path.join(self.dir, "config.json"), "w") as f:
            json.dump(config, f)
        return wrong

    def check(self, name, what, found, wanted):
        if found != wanted:
            raise Disagreement(f"{what}: hull says {found!r}, the model {wanted!r}\n" + "\n".join(self.steps[name][-30:]))

    def seen(self, name):
        code, out = self.hull("state", name)
        if code:
            return None
        status = json.loads(out)["status"]
        return status

    def make(self, name, command):
        wrong = self.configuration(name) if self.status[name] is None else None
        args = [command, "--bundle", self.dir, name] if command == "create" else [command, "-d", "--bundle", self.dir, name]
        code, out = self.hull(*args)
        if wrong and self.status[name] is None:
            self.check(name, f"{command} of a spoilt configuration", (code != 0, wrong in out or out), (True, True))
            return None
        return code == 0, out

    def step(self):
        name = self.rng.choice(list(self.status))
        command = self.rng.choices(list(COMMANDS), COMMANDS.values())[0]
        before = self.status[name]
        succeeds, after = LIFE[before].get(command, (False, before))
        if command == "update" and not self.has_pids:
            return
        self.n += 1
        self.steps[name].append(f"{before}: {command}")
        if command in ("create", "run"):
            result = self.make(name, command)
            if result is None:
                self.check(name, "what is left of it", self.seen(name), None)
                return
            done, out = result
            if succeeds:
                with open(os.path.join(self.dir, "config.json")) as f:
                    self.steps[name].append("  " + f.read())
        else:
            args = {"kill": ["kill", name, "KILL"], "exec": ["exec", name, "/bin/true"], "delete --force": ["delete", "--force", name],
                    "update": ["update", "--pids-limit", str(self.rng.randint(30, 99)), name]}.get(command, [command, name])
            code, out = self.hull(*args)
            done = code == 0
        self.steps[name].append(f"  {done}: {out.strip()[:300]}")
        self.check(name, command, done, succeeds)
        if not done and not out:
            raise Disagreement(f"{command} fails without a word")
        self.status[name] = after
        if command == "kill" and done:
            self.wait(name, "stopped")
        self.check(name, "status after " + command, self.seen(name), after and after.split()[0])
        if command == "exec" and done:
            self.probe(name)

    def wait(self, name, status):
        end = time.monotonic() + 5
        while self.seen(name) != status and time.monotonic() < end:
            time.sleep(0.005)

    def probe(self, name):
        for probe, answer in self.probes[name]:
            code, out = self.hull("exec", name, "/bin/sh", "-c", probe)
            self.check(name, probe, (code, out.strip()), (0, answer))

    def clean(self):
        for name in self.status:
            self.hull("delete", "--force", name)
        shutil.rmtree(self.dir, ignore_errors=True)


def main():
    seconds, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    model = Model(seed)
    end = time.monotonic() + seconds
    wrong = None
    box.end_properly()
    try:
        while time.monotonic() < end:
            model.step()
    except Disagreement as e:
        wrong = e
    finally:
        model.clean()
    print(f"seed {seed}: {model.n} commands")
    if wrong:
        print(wrong)
        sys.exit(1)


main()
