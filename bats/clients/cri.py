#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The kubelet's side of Kubernetes' CRI (runtime.v1), for cri.bats: requests and answers as JSON.

cri.py [--times N --every SECONDS] METHOD [REQUEST]

It calls the method of the socket CONTAINERD_ADDRESS, N times, and prints each answer on a line. An error is said with its
gRPC status, and ends it with exit code 1.
"""

import argparse
import json
import os
import sys
import time

import grpc

# A line for each message: the fields that the tests use, as name=number:type. Without a type they are strings; * is a list,
# and a map of strings is a list of pairs.
SCHEMA = """
Pair: key=1 value=2
Number: value=1:int

NamespaceOption: network=1:int pid=2:int ipc=3:int target_id=4
SecurityProfile: profile_type=1:int localhost_ref=2
Capability: add_capabilities=1:* drop_capabilities=2:*
Resources: cpu_period=1:int cpu_quota=2:int cpu_shares=3:int memory_limit_in_bytes=4:int oom_score_adj=5:int cpuset_cpus=6 \
	cpuset_mems=7 unified=9:map memory_swap_limit_in_bytes=10:int

PodSandboxMetadata: name=1 uid=2 namespace=3 attempt=4:int
PodSandboxSecurity: namespace_options=1:NamespaceOption run_as_user=3:Number readonly_rootfs=4:bool privileged=6:bool \
	seccomp=9:SecurityProfile
PodSandboxLinux: cgroup_parent=1 security_context=2:PodSandboxSecurity sysctls=3:map
PodSandboxConfig: metadata=1:PodSandboxMetadata hostname=2 log_directory=3 labels=6:map annotations=7:map \
	linux=8:PodSandboxLinux
PodSandboxNetwork: ip=1
PodSandboxStatus: id=1 metadata=2:PodSandboxMetadata state=3:int network=5:PodSandboxNetwork runtime_handler=9

Image: image=1
Variable: key=1 value=2
Mount: container_path=1 host_path=2 readonly=3:bool propagation=5:int
Device: container_path=1 host_path=2 permissions=3
ContainerMetadata: name=1 attempt=2:int
ContainerSecurity: capabilities=1:Capability privileged=2:bool namespace_options=3:NamespaceOption run_as_user=5:Number \
	readonly_rootfs=7:bool supplemental_groups=8:int* no_new_privs=11:bool run_as_group=12:Number masked_paths=13:* \
	readonly_paths=14:* seccomp=15:SecurityProfile
ContainerLinux: resources=1:Resources security_context=2:ContainerSecurity
ContainerConfig: metadata=1:ContainerMetadata image=2:Image command=3:* args=4:* working_dir=5 envs=6:Variable* \
	mounts=7:Mount* devices=8:Device* labels=9:map annotations=10:map log_path=11 stdin=12:bool tty=14:bool \
	linux=15:ContainerLinux
ContainerStatus: id=1 metadata=2:ContainerMetadata state=3:int started_at=5:int finished_at=6:int exit_code=7:int \
	reason=10 message=11

CpuUsage: timestamp=1:int usage_core_nano_seconds=2:Number
MemoryUsage: timestamp=1:int working_set_bytes=2:Number
ContainerAttributes: id=1 metadata=2:ContainerMetadata
ContainerStats: attributes=1:ContainerAttributes cpu=2:CpuUsage memory=3:MemoryUsage
ContainerFilter: id=1 pod_sandbox_id=2
ProcessUsage: process_count=2:Number
PodSandboxUsage: cpu=1:CpuUsage memory=2:MemoryUsage process=4:ProcessUsage
PodSandboxStats: linux=2:PodSandboxUsage

VersionRequest: version=1
VersionResponse: runtime_name=2 runtime_version=3 runtime_api_version=4
RunPodSandboxRequest: config=1:PodSandboxConfig runtime_handler=2
RunPodSandboxResponse: pod_sandbox_id=1
StopPodSandboxRequest: pod_sandbox_id=1
RemovePodSandboxRequest: pod_sandbox_id=1
PodSandboxStatusRequest: pod_sandbox_id=1 verbose=2:bool
PodSandboxStatusResponse: status=1:PodSandboxStatus info=2:map
PodSandboxStatsRequest: pod_sandbox_id=1
PodSandboxStatsResponse: stats=1:PodSandboxStats
ListPodSandboxRequest:
ListPodSandboxResponse: items=1:PodSandboxStatus*
CreateContainerRequest: pod_sandbox_id=1 config=2:ContainerConfig sandbox_config=3:PodSandboxConfig
CreateContainerResponse: container_id=1
StartContainerRequest: container_id=1
StopContainerRequest: container_id=1 timeout=2:int
RemoveContainerRequest: container_id=1
ContainerStatusRequest: container_id=1 verbose=2:bool
ContainerStatusResponse: status=1:ContainerStatus info=2:map
UpdateContainerResourcesRequest: container_id=1 linux=2:Resources annotations=4:map
ExecSyncRequest: container_id=1 cmd=2:* timeout=3:int
ExecSyncResponse: stdout=1 stderr=2 exit_code=3:int
ContainerStatsRequest: container_id=1
ContainerStatsResponse: stats=1:ContainerStats
ListContainerStatsRequest: filter=1:ContainerFilter
ListContainerStatsResponse: stats=1:ContainerStats*
"""


def read_schema():
    messages = {}
    for line in SCHEMA.replace("\\\n", "").splitlines():
        name, _, fields = line.partition(":")
        messages[name] = {}
        for field in fields.split():
            key, _, rest = field.partition("=")
            number, _, kind = rest.partition(":")
            messages[name][key] = (int(number), kind.rstrip("*") or "string", kind.endswith("*"))
    return messages


MESSAGES = read_schema()
SCALARS = {"string": "", "int": 0, "bool": False}


def varint(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(message, values):
    """A message in protobuf; a field that it does not have is an error of the test."""
    out = b""
    for key, value in values.items():
        number, kind, is_list = MESSAGES[message][key]
        if kind == "map":
            value, kind, is_list = [{"key": k, "value": v} for k, v in value.items()], "Pair", True
        for one in value if is_list else [value]:
            if kind in ("int", "bool"):
                out += varint(number << 3) + varint(int(one))
            else:
                data = one.encode() if kind == "string" else encode(kind, one)
                out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields_of(data):
    """The numbers and values of the fields that are in a message. (CRI has numbers and strings alone.)"""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        yield tag >> 3, value


def decode(message, data):
    """The known fields of a message; numbers and strings that are not there have their defaults."""
    known = {number: (key, kind, is_list) for key, (number, kind, is_list) in MESSAGES[message].items()}
    out = {key: [] if is_list else {} if kind == "map" else SCALARS.get(kind) for key, kind, is_list in known.values()}
    for number, value in fields_of(data):
        if number not in known:
            continue
        key, kind, is_list = known[number]
        if kind == "map":
            pair = decode("Pair", value)
            out[key][pair["key"]] = pair["value"]
            continue
        if kind == "int":
            value -= (value >> 63) << 64
        elif kind == "bool":
            value = bool(value)
        else:
            value = value.decode(errors="replace") if kind == "string" else decode(kind, value)
        if is_list:
            out[key].append(value)
        else:
            out[key] = value
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--every", type=float, default=0)
    parser.add_argument("method")
    parser.add_argument("request", nargs="?", default="{}")
    args = parser.parse_args()
    request = encode(args.method + "Request", json.loads(args.request))
    response = args.method + "Response"
    MESSAGES.setdefault(response, {})
    with grpc.insecure_channel("unix://" + os.environ["CONTAINERD_ADDRESS"]) as channel:
        call = channel.unary_unary("/runtime.v1.RuntimeService/" + args.method)
        start = time.monotonic()
        for i in range(args.times):
            time.sleep(max(0, start + i * args.every - time.monotonic()))
            try:
                print(json.dumps(decode(response, call(request, timeout=60))), flush=True)
            except grpc.RpcError as error:
                sys.exit(f"{error.code().name}: {error.details()}")


main()
