#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands race on the same containers, and hull, its stages, init, hooks and criu are killed at random moments.

Called by "make torture" (and by torture.bats for a moment) in a view of cgroups: torture.py SECONDS [SEED]. In rounds:
for some seconds two workers for each container start commands on it as they come, whatever its state, and kill -9 a
process of them after some microseconds; then all stop, "delete --force" has to succeed for each container, and nothing
may be left: processes, cgroups, mounts, files, keys, units, BPF programs. With SYSTEMD (the command line of the stand-in of
systemd) in the environment every hull has --systemd-cgroup, and that systemd is killed, too, and comes again. A command that is not killed may fail, since others race
with it, but it has to end within TIMEOUT, by no signal and, if it fails, with a sentence. Exit code 1 and what was
wrong, with the last commands of that container, else a line of counts.
"""
import collections
import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
import box  # noqa: E402

HULL = os.path.realpath(os.environ["HULL"])
CONTAINERS, WORKERS, ROUND, TIMEOUT = 8, 2, 4.0, 20.0
SLOWER = 10 if "GUEST" in os.environ else 1  # in an emulated machine
NAME = f"hull-torture-{os.getpid()}"  # of the monitor, too
SYSTEMD = os.environ.get("SYSTEMD", "").split()
libc = ctypes.CDLL(None, use_errno=True)


class World:
    def __init__(self, seed):
        self.dir = tempfile.mkdtemp(prefix="hull-torture.", dir="/dev/shm")
        self.root = os.path.join(self.dir, "state")
        self.seed = seed
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.history = collections.defaultdict(lambda: collections.deque(maxlen=40))
        self.wrong = []
        self.criu = shutil.which("criu")
        self.bundles = self.make_bundles()
        if SYSTEMD:
            self.start_systemd()

    def complain(self, name, text):
        with self.lock:
            self.wrong.append(f"{name}: {text}\n  before: " + "\n          ".join(self.history[name]))

    def make_bundles(self):
        rootfs = os.path.join(self.dir, "rootfs")
        box.make_rootfs(rootfs)
        base = box.configuration(HULL, self.dir, rootfs)
        self.hook = os.path.join(self.dir, "hook")
        with open(self.hook, "w") as f:
            f.write("#!/bin/sh\nexec sleep 0.01\n")
        os.chmod(self.hook, 0o755)
        return [self.write_bundle(name, change(json.loads(json.dumps(base)))) for name, change in (
            ("plain", lambda c: c), ("hooks", self.with_hooks), ("user", self.with_user_ns), ("short", self.with_true),
            ("shared", self.with_shared_pids), ("filter", self.with_filter))]

    def write_bundle(self, name, config):
        path = os.path.join(self.dir, name)
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "config.json"), "w") as f:
            json.dump(config, f)
        return path

    def with_hooks(self, c):
        names = "prestart", "createRuntime", "poststart", "poststop"
        c["hooks"] = {kind: [{"path": self.hook, "timeout": 5}] for kind in names}
        return c

    @staticmethod
    def with_user_ns(c):
        ids = [{"containerID": 0, "hostID": 0, "size": 1000}]
        c["linux"]["namespaces"].append({"type": "user"})
        c["linux"].update({"uidMappings": ids, "gidMappings": ids})
        return c

    @staticmethod
    def with_true(c):
        c["process"]["args"] = ["/bin/true"]
        return c

    @staticmethod
    def with_shared_pids(c):
        c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]
        c["process"]["args"] = ["/bin/sh", "-c", "sleep 1000 & sleep 1001 & wait"]
        return c

    @staticmethod
    def with_filter(c):
        c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                                 "syscalls": [{"names": ["reboot"], "action": "SCMP_ACT_ERRNO"}]}
        c["process"]["capabilities"]["bounding"].append("CAP_SYS_PTRACE")  # exec in two stages
        return c

    # --- Commands ---

    def command(self, rng, name):
        bundle = ["--bundle", rng.choice(self.bundles)]
        images = os.path.join(self.dir, "images-" + name)
        choices = [
            (6, ["create", *bundle, name]), (5, ["start", name]), (6, ["run", "-d", *bundle, name]),
            (1, ["run", "--bundle", self.bundles[3], name]), (6, ["exec", name, "/bin/true"]),
            (2, ["exec", "-d", name, "/bin/sleep", "1000"]), (2, ["pause", name]), (2, ["resume", name]),
            (2, ["update", "--pids-limit", str(rng.randint(20, 90)), name]), (1, ["kill", name, "KILL"]), (1, ["kill", name, "TERM"]),
            (2, ["delete", name]), (4, ["delete", "--force", name]), (1, ["state", name]), (1, ["ps", name]), (1, ["list"])]
        if self.criu:
            choices += [(0.2, ["checkpoint", "--image-path", images, name]),
                        (0.2, ["restore", "-d", *bundle, "--image-path", images, name])]
        weights, commands = zip(*choices)
        return rng.choices(commands, weights)[0]

    def hull(self, *args):
        return [HULL, "--root", self.root, *(["--systemd-cgroup"] if SYSTEMD else []), *args]

    def start(self, args, log):
        return subprocess.Popen(self.hull(*args), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)

    def work(self, index, worker):
        rng = random.Random(f"{self.seed} {index} {worker}")
        name = f"{NAME}-{index}"
        with tempfile.TemporaryFile() as log:
            while not self.stop.is_set():
                self.once(rng, name, log)

    def once(self, rng, name, log):
        args = self.command(rng, name)
        log.seek(0)
        log.truncate()
        p = self.start(args, log)
        victim = None
        if rng.random() < 0.8:
            time.sleep(SLOWER * (min(rng.expovariate(1 / 0.0015), 0.03) if rng.random() < 0.9 else rng.uniform(0, 0.2)))
            victim = self.strike(rng, p, name)
        try:
            # A program that another command has paused waits, and who waits for its end does, too.
            if args[0] == "exec" and not self.ends(p, 3 * SLOWER):
                subprocess.run(self.hull("resume", name), stdin=subprocess.DEVNULL, capture_output=True)
            status = p.wait(TIMEOUT * SLOWER)
        except subprocess.TimeoutExpired:
            self.complain(name, f"{' '.join(args)} has not ended after {TIMEOUT * SLOWER} s: {stuck(p.pid)}")
            p.kill()
            status = p.wait()
        self.history[name].append(f"{time.monotonic():.3f} {' '.join(a for a in args if '/' not in a)}: {status}"
                                  f"{', killed ' + victim if victim else ''}")
        self.counts["commands"] += 1
        self.counts["kills"] += victim is not None
        self.counts["killed " + (victim or "nobody").split()[0]] += 1
        if status < 0 and not (victim and status == -signal.SIGKILL):
            self.complain(name, f"{' '.join(args)} ended by signal {-status}")
        log.seek(0)
        said = log.read().decode(errors="replace")
        # What a program that was killed says is its exit code.
        if status > 0 and not said and args[0] not in ("exec", "run"):
            self.complain(name, f"{' '.join(args)}: status {status} without a sentence")

    @staticmethod
    def ends(p, seconds):
        try:
            p.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    # --- Killing ---

    def start_systemd(self):
        self.systemd = subprocess.Popen(SYSTEMD, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_systemd(self):
        rng = random.Random(f"{self.seed} systemd")
        while not self.stop.wait(rng.expovariate(1 / 0.1)):
            self.systemd.kill()
            self.systemd.wait()
            self.start_systemd()
            self.counts["kills"] += 1
            self.counts["killed systemd"] += 1

    def strike(self, rng, p, name):
        """Kills hull or one of its descendants, or a process of the container; tells which, None when all are gone."""
        below = descendants(p.pid)
        pids = [p.pid] if not below or rng.random() < 0.5 else below
        if rng.random() < 0.15:
            pids = self.members(name) or pids
        pid = rng.choice(pids)
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            return None
        try:
            # Still one of ours: what is in the container's cgroup, below us, or hull itself, which is not reaped yet.
            comm = read(f"/proc/{pid}/comm").strip()
            if pid != p.pid and NAME not in read(f"/proc/{pid}/cgroup") and pid not in descendants(os.getpid()):
                return None
            if read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0] == "Z":
                return None
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            return f"{'hull' if pid == p.pid else comm} {pid}"
        except (OSError, IndexError):
            return None
        finally:
            os.close(fd)

    def members(self, name):
        pids = set()
        for d in cgroups():
            if os.path.basename(d) in (name, f"runc-{name}.scope"):
                pids.update(int(x) for x in read(d + "/cgroup.procs").split())
        return list(pids)

    # --- What is left ---

    def round(self, seconds):
        self.stop.clear()
        threads = [threading.Thread(target=self.work, args=(i, w)) for i in range(CONTAINERS) for w in range(WORKERS)]
        if SYSTEMD:
            threads.append(threading.Thread(target=self.kill_systemd))
        for t in threads:
            t.start()
        try:
            time.sleep(seconds)
        finally:
            self.stop.set()
            for t in threads:
                t.join()
        for i in range(CONTAINERS):
            name = f"{NAME}-{i}"
            p = subprocess.run(self.hull("delete", "--force", name), stdin=subprocess.DEVNULL,
                               capture_output=True, timeout=60 * SLOWER, text=True)
            if p.returncode:
                self.complain(name, f"delete --force: status {p.returncode}: {p.stderr}")
            shutil.rmtree(os.path.join(self.dir, "images-" + name), ignore_errors=True)
        self.seed += 1

    def clean(self):
        for i in range(CONTAINERS):
            subprocess.run(self.hull("delete", "--force", f"{NAME}-{i}"), stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=60 * SLOWER)
        if SYSTEMD:
            self.systemd.kill()
            self.systemd.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def descendants(pid):
    found = []
    for child in read(f"/proc/{pid}/task/{pid}/children").split():
        found.append(int(child))
        found += descendants(child)
    return found


def cgroups():
    return [path for path, _, _ in os.walk("/sys/fs/cgroup") if NAME in path]


def stuck(pid):
    return "; ".join(f"{p} {read(f'/proc/{p}/comm').strip()} in {read(f'/proc/{p}/wchan')} {read(f'/proc/{p}/syscall').strip()}"
                     for p in [pid, *descendants(pid)])


def bpf_programs():
    attr = (ctypes.c_uint32 * 32)()
    n = 0
    while n < 100000 and libc.syscall(321, 11, attr, 128) == 0:  # BPF_PROG_GET_NEXT_ID
        attr[0] = attr[1]
        n += 1
    return n


def left(world):
    """What there is now that should not be, by its kind."""
    things = [f"cgroup {d}" for d in cgroups()]
    things += [f"file {f}" for f in os.listdir(world.root) if not f.startswith("@") and not f.startswith(".@")] if os.path.isdir(world.root) else []
    things += [f"mount {line.split()[4]}" for line in read("/proc/self/mountinfo").splitlines() if world.dir in line]
    things += [f"key {line}" for line in read("/proc/keys").splitlines() if NAME in line]
    things += [f"unit {line}" for line in units() if NAME in line]
    for p in filter(str.isdigit, os.listdir("/proc")):
        if world.root in read(f"/proc/{p}/cmdline") or NAME in read(f"/proc/{p}/cgroup"):
            things.append(f"process {p} {read(f'/proc/{p}/cmdline')!r} {read(f'/proc/{p}/wchan')}")
    return things


def units():
    if SYSTEMD or not os.path.isdir("/run/systemd/system"):
        return []
    return subprocess.run(["systemctl", "list-units", "--all", "--plain", "--no-legend"], capture_output=True, text=True).stdout.splitlines()


def settled(look, seconds=10 * SLOWER):
    """What look() finds when it has had time to go; the end of what was killed takes the kernel a moment."""
    end = time.monotonic() + seconds
    while (found := look()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def main():
    seconds, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    world = World(seed)
    end = time.monotonic() + seconds
    programs = bpf_programs()
    box.end_properly()
    try:
        while time.monotonic() < end and not world.wrong:
            world.round(min(ROUND, max(0.5, end - time.monotonic())))
            for thing in settled(lambda: left(world)):
                names = [n for n in world.history if re.search(rf"\b{n}\b", thing)]
                world.complain(names[0] if names else "no container", "left after delete --force: " + thing)
            more = settled(lambda: max(0, bpf_programs() - programs))
            if more:
                world.complain("left", f"{more} BPF programs")
    finally:
        world.clean()
    print(f"seed {seed}: " + ", ".join(f"{n} {what}" for what, n in world.counts.most_common(12)))
    for text in world.wrong[:5]:
        print(text)
    sys.exit(1 if world.wrong else 0)


def reap_orphans():
    """As an engine's monitor does. Who has lost its hull is a child of this process then, which has to wait for it:
    the init of a PID namespace does not end before all that were in it are reaped."""
    libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    child = os.fork()
    if child == 0:
        return
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 255)


reap_orphans()
main()
