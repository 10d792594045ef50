/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the typed config.json: coverage of the specification's list of properties, values that
 * must come out exactly, and the sentence for everything that must be refused. The golden files of
 * bats/bad are read as well. Runs in the top folder; POINTERS and BAD name the files otherwise.
 */
#include "state/spec/spec.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/base/tap.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum place { TOP, PROCESS, LINUX, WHOLE };

#define ROOT "\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"}"
#define ARGS "\"args\":[\"sh\"],\"cwd\":\"/\""

/* A small valid configuration with more in one of its objects. */
static char *config(enum place place, const char *more)
{
	const char *sep = *more ? "," : "";

	switch (place) {
	case TOP:
		return xasprintf("{" ROOT ",\"process\":{" ARGS "}%s%s}", sep, more);
	case PROCESS:
		return xasprintf("{" ROOT ",\"process\":{" ARGS "%s%s}}", sep, more);
	case LINUX:
		return xasprintf("{" ROOT ",\"process\":{" ARGS "},\"linux\":{%s}}", more);
	case WHOLE:
		break;
	}
	return xstrdup(more);
}

static struct arena arena; /* of all tests but the shared one's */

static struct spec *load(enum place place, const char *more, struct err *e)
{
	auto_free char *text = config(place, more);
	struct spec *s = NULL;

	*e = (struct err){ 0 };
	return spec_read(text, strlen(text), &arena, &s, e) < 0 ? NULL : s;
}

#define Q(x)		     "\"" x "\":"
#define NS(type)	     "{\"type\":\"" type "\"}"
#define ALL_NS		     Q("namespaces") "[" NS("mount") "," NS("uts") "," NS("ipc") "," NS("network") "]"
#define MAPS(u, g)	     Q("uidMappings") "[" u "]," Q("gidMappings") "[" g "]"
#define MAP(c, h, n)	     "{\"containerID\":" c ",\"hostID\":" h ",\"size\":" n "}"
#define SECCOMP(x)	     Q("seccomp") "{" x "}"
#define RESOURCES(x)	     Q("resources") "{" x "}"
#define RULE(x)		     SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{" x "}]")
#define SCHEDULER(policy, x) Q("scheduler") "{\"policy\":\"SCHED_" policy "\"," x "}"
#define RDT(key, value)	     Q("intelRdt") "{" Q(key) value "}"
#define POLICY(mode, x)	     Q("memoryPolicy") "{\"mode\":\"MPOL_" mode "\"," x "}"

/* clang-format off */
static const struct bad {
	enum place place;
	const char *more, *pointer, *chain;
} bad[] = {
	/* kinds of values */
	{ WHOLE, "[]", "", "expected an object, found an array" },
	{ WHOLE, "{}", "/ociVersion", "is required" },
	{ WHOLE, "{\"ociVersion\":null}", "/ociVersion", "is required" },
	{ WHOLE, "{\"ociVersion\":1.2}", "/ociVersion", "expected a string, found the number 1.2" },
	{ TOP, Q("hostname") "true", "/hostname", "expected a string, found true" },
	{ TOP, Q("hostname") "{}", "/hostname", "expected a string, found an object" },
	{ TOP, Q("mounts") "\"x\"", "/mounts", "expected an array, found the string \"x\"" },
	{ TOP, Q("mounts") "[null]", "/mounts/0", "expected an object, found null" },
	{ TOP, Q("annotations") "{\"a/~b\":5}", "/annotations/a~1~0b", "expected a string, found the number 5" },
	{ TOP, Q("annotations") "{\"\":\"x\"}", "/annotations/", "a key must not be empty" },
	{ PROCESS, Q("terminal") "\"yes\"", "/process/terminal", "expected true or false, found the string \"yes\"" },
	{ PROCESS, Q("oomScoreAdj") "1e2", "/process/oomScoreAdj", "expected an integer, found the number 1e2" },
	{ PROCESS, Q("oomScoreAdj") "1.0", "/process/oomScoreAdj", "expected an integer, found the number 1.0" },
	{ PROCESS, Q("oomScoreAdj") "1001", "/process/oomScoreAdj", "1001 is out of range (-1000 to 1000)" },
	{ PROCESS, Q("env") "[\"A=1\",5]", "/process/env/1", "expected a string, found the number 5" },
	/* top level */
	{ WHOLE, "{\"ociVersion\":\"1.0\"}", "/root", "is required" },
	{ WHOLE, "{" ROOT "}", "/process", "is required" },
	{ WHOLE, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"\"}}", "/root/path", "must not be empty" },
	{ WHOLE, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"//\"}}", "/root/path", "must not be the root of the host" },
	{ WHOLE, "{\"ociVersion\":\"1.0.0\",\"root\":{}}", "/root/path", "is required" },
	{ WHOLE, "{\"ociVersion\":\"2.0.0\",\"root\":{\"path\":\"r\"},\"process\":{" ARGS "}}", "/ociVersion",
	  "\"2.0.0\" is not supported, only versions 1.x are" },
	{ WHOLE, "{\"ociVersion\":\"1.x\",\"root\":{\"path\":\"r\"},\"process\":{" ARGS "}}", "/ociVersion",
	  "\"1.x\" is not a version such as 1.3.0" },
	{ TOP, Q("hostname") "\"h\"", "/hostname", "unable to set hostname without a private UTS namespace" },
	{ TOP, Q("domainname") "\"d\"", "/domainname", "unable to set domainname without a private UTS namespace" },
	{ TOP, Q("mounts") "[{}]", "/mounts/0/destination", "is required" },
	{ TOP, Q("mounts") "[{\"destination\":\"\"}]", "/mounts/0/destination", "must not be empty" },
	{ TOP, Q("mounts") "[{\"destination\":\"/a\"},{\"destination\":\"/b\",\"options\":[\"ro\",7]}]", "/mounts/1/options/1",
	  "expected a string, found the number 7" },
	{ TOP, Q("mounts") "[{\"destination\":\"/a\",\"uidMappings\":[" MAP("0", "0", "1") "]}]", "/mounts/0/uidMappings",
	  "id-mapped mounts must have both uid and gid mappings specified" },
	{ TOP, Q("hooks") "{\"prestart\":[{\"path\":\"bin/x\"}]}", "/hooks/prestart/0/path",
	  "\"bin/x\" is not an absolute path" },
	{ TOP, Q("hooks") "{\"poststop\":[{\"path\":\"/x\",\"timeout\":0}]}", "/hooks/poststop/0/timeout",
	  "0 is out of range (1 to 2147483)" },
	{ TOP, Q("hooks") "{\"createRuntime\":[{\"args\":[]}]}", "/hooks/createRuntime/0/path", "is required" },
	/* process */
	{ WHOLE, "{" ROOT ",\"process\":{\"args\":[\"sh\"]}}", "/process/cwd", "is required" },
	{ WHOLE, "{" ROOT ",\"process\":{\"args\":[\"sh\"],\"cwd\":\"tmp\"}}", "/process/cwd", "\"tmp\" is not an absolute path" },
	{ WHOLE, "{" ROOT ",\"process\":{\"args\":[\"sh\"],\"cwd\":\"\"}}", "/process/cwd", "\"\" is not an absolute path" },
	{ WHOLE, "{" ROOT ",\"process\":{\"args\":[],\"cwd\":\"/\"}}", "/process/args", "must not be empty" },
	{ WHOLE, "{" ROOT ",\"process\":{\"args\":[\"\"],\"cwd\":\"/\"}}", "/process/args/0",
	  "the program's name must not be empty" },
	{ WHOLE, "{" ROOT ",\"process\":{\"cwd\":\"/\"}}", "/process/args", "is required" },
	{ PROCESS, Q("env") "[\"A\"]", "/process/env/0", "\"A\" is not of the form NAME=VALUE" },
	{ PROCESS, Q("env") "[\"A=\",\"=b\"]", "/process/env/1", "\"=b\" has no name before the '='" },
	{ PROCESS, Q("user") "{\"uid\":0,\"gid\":\"0\"}", "/process/user/gid", "expected an integer, found the string \"0\"" },
	{ PROCESS, Q("user") "{\"uid\":-1,\"gid\":0}", "/process/user/uid", "-1 is out of range (0 to 4294967294)" },
	{ PROCESS, Q("user") "{\"uid\":0,\"gid\":4294967295}", "/process/user/gid",
	  "4294967295 is out of range (0 to 4294967294)" },
	{ PROCESS, Q("user") "{\"uid\":0,\"gid\":0,\"additionalGids\":[1,\"x\"]}", "/process/user/additionalGids/1",
	  "expected an integer, found the string \"x\"" },
	{ PROCESS, Q("user") "{\"uid\":0,\"gid\":0,\"umask\":512}", "/process/user/umask", "512 is out of range (0 to 511)" },
	{ PROCESS, Q("capabilities") "[]", "/process/capabilities", "expected an object, found an array" },
	{ PROCESS, Q("capabilities") "{\"bounding\":[\"CAP_KILL\",3]}", "/process/capabilities/bounding/1",
	  "expected a string, found the number 3" },
	{ PROCESS, Q("rlimits") "[{\"type\":\"RLIMIT_FOO\",\"soft\":1,\"hard\":1}]", "/process/rlimits/0/type",
	  "unknown rlimit \"RLIMIT_FOO\"" },
	{ PROCESS, Q("rlimits") "[{\"type\":\"RLIMIT_CORE\",\"soft\":1}]", "/process/rlimits/0/hard", "is required" },
	{ PROCESS, Q("rlimits") "[{\"type\":\"RLIMIT_CORE\",\"soft\":18446744073709551616,\"hard\":1}]",
	  "/process/rlimits/0/soft", "18446744073709551616 is out of range (0 to 18446744073709551615)" },
	{ PROCESS, Q("rlimits") "[{\"type\":\"RLIMIT_CORE\",\"soft\":2,\"hard\":1}]", "/process/rlimits/0/soft",
	  "2 is larger than the hard limit 1" },
	{ PROCESS,
	  Q("rlimits") "[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":1},{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":1}]",
	  "/process/rlimits/1/type", "RLIMIT_CORE is there twice" },
	{ PROCESS, Q("consoleSize") "{\"height\":1}", "/process/consoleSize/width", "is required" },
	{ PROCESS, Q("apparmorProfile") "\"x\\ny\"", "/process/apparmorProfile", "\"x\\ny\" is not a label" },
	{ PROCESS, Q("apparmorProfile") "[]", "/process/apparmorProfile", "expected a string, found an array" },
	{ PROCESS, Q("selinuxLabel") "\"x\\ny\"", "/process/selinuxLabel", "\"x\\ny\" is not a label" },
	{ PROCESS, Q("selinuxLabel") "5", "/process/selinuxLabel", "expected a string, found the number 5" },
	{ PROCESS, Q("ioPriority") "{\"priority\":1}", "/process/ioPriority/class", "is required" },
	{ PROCESS, Q("ioPriority") "{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}", "/process/ioPriority/priority",
	  "invalid ioPriority.Priority: 8, expected 0 to 7" },
	{ PROCESS, Q("ioPriority") "{\"class\":\"IOPRIO_CLASS_RT\",\"priority\":-1}", "/process/ioPriority/priority",
	  "invalid ioPriority.Priority: -1, expected 0 to 7" },
	{ PROCESS, Q("ioPriority") "{\"class\":\"X\"}", "/process/ioPriority/class",
	  "unknown I/O scheduling class \"X\", expected one of IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE" },
	{ PROCESS, Q("scheduler") "{\"policy\":\"SCHED_OTHER\",\"flags\":[\"SCHED_FLAG_X\"]}", "/process/scheduler/flags/0",
	  "unknown scheduling flag \"SCHED_FLAG_X\", expected one of SCHED_FLAG_RESET_ON_FORK, SCHED_FLAG_RECLAIM, "
	  "SCHED_FLAG_DL_OVERRUN, SCHED_FLAG_KEEP_POLICY, SCHED_FLAG_KEEP_PARAMS, SCHED_FLAG_UTIL_CLAMP_MIN, "
	  "SCHED_FLAG_UTIL_CLAMP_MAX" },
	{ PROCESS, SCHEDULER("OTHER", "\"nice\":20"), "/process/scheduler/nice",
	  "invalid scheduler.nice: 20 when scheduler.policy is SCHED_OTHER, expected -20 to 19" },
	{ PROCESS, SCHEDULER("IDLE", "\"nice\":-21"), "/process/scheduler/nice",
	  "invalid scheduler.nice: -21 when scheduler.policy is SCHED_IDLE, expected -20 to 19" },
	{ PROCESS, SCHEDULER("BATCH", "\"priority\":1"), "/process/scheduler/priority",
	  "scheduler.priority can only be specified for SchedFIFO or SchedRR policy" },
	{ PROCESS, SCHEDULER("FIFO", "\"nice\":0"), "/process/scheduler/priority", "0 is out of range (1 to 99) for SCHED_FIFO" },
	{ PROCESS, SCHEDULER("RR", "\"priority\":100"), "/process/scheduler/priority",
	  "100 is out of range (1 to 99) for SCHED_RR" },
	{ PROCESS, SCHEDULER("FIFO", "\"priority\":1,\"runtime\":1"), "/process/scheduler/runtime",
	  "scheduler runtime/deadline/period can only be specified for SchedDeadline policy" },
	{ PROCESS, SCHEDULER("OTHER", "\"deadline\":1"), "/process/scheduler/deadline",
	  "scheduler runtime/deadline/period can only be specified for SchedDeadline policy" },
	{ PROCESS, SCHEDULER("OTHER", "\"period\":1"), "/process/scheduler/period",
	  "scheduler runtime/deadline/period can only be specified for SchedDeadline policy" },
	{ PROCESS, SCHEDULER("DEADLINE", "\"deadline\":1"), "/process/scheduler/runtime",
	  "SCHED_DEADLINE needs runtime and deadline, in nanoseconds" },
	{ PROCESS, SCHEDULER("DEADLINE", "\"runtime\":1"), "/process/scheduler/deadline",
	  "SCHED_DEADLINE needs runtime and deadline, in nanoseconds" },
	{ PROCESS, SCHEDULER("DEADLINE", "\"runtime\":2,\"deadline\":1"), "/process/scheduler/runtime",
	  "2 is larger than the deadline 1" },
	{ PROCESS, SCHEDULER("DEADLINE", "\"runtime\":1,\"deadline\":3,\"period\":2"), "/process/scheduler/deadline",
	  "3 is larger than the period 2" },
	{ PROCESS, Q("execCPUAffinity") "{\"initial\":\"0-\"}", "/process/execCPUAffinity/initial",
	  "\"0-\" is not a list such as 0-3,7 of numbers below 8192" },
	{ PROCESS, Q("execCPUAffinity") "{\"final\":\"1,,2\"}", "/process/execCPUAffinity/final",
	  "\"1,,2\" is not a list such as 0-3,7 of numbers below 8192" },
	{ PROCESS, Q("execCPUAffinity") "{\"final\":1}", "/process/execCPUAffinity/final",
	  "expected a string, found the number 1" },
	/* linux: namespaces */
	{ LINUX, Q("namespaces") "[" NS("foo") "]", "/linux/namespaces/0/type",
	  "unknown namespace type \"foo\", expected one of pid, network, mount, ipc, uts, user, cgroup, time" },
	{ LINUX, Q("namespaces") "[{\"type\":\"pid\",\"path\":\"ns\"}]", "/linux/namespaces/0/path",
	  "\"ns\" is not an absolute path" },
	{ LINUX, Q("namespaces") "[" NS("pid") "," NS("uts") "," NS("pid") "]", "/linux/namespaces/2",
	  "malformed spec file: duplicated ns \"pid\"" },
	{ LINUX, Q("namespaces") "[" NS("user") "]", "/linux/namespaces",
	  "user namespaces enabled, but no namespace path to join nor mappings to apply specified" },
	{ LINUX, MAPS(MAP("0", "0", "1"), ""), "/linux/uidMappings",
	  "user namespace mappings specified, but user namespace isn't enabled in the config" },
	{ LINUX, Q("namespaces") "[" NS("user") "]," MAPS("", MAP("0", "0", "1")), "/linux/uidMappings",
	  "is required beside gidMappings" },
	{ LINUX, Q("namespaces") "[" NS("user") "]," MAPS(MAP("0", "0", "0"), MAP("0", "0", "1")),
	  "/linux/uidMappings/0/size", "must not be 0" },
	{ LINUX, Q("namespaces") "[" NS("user") "]," MAPS(MAP("0", "4294967295", "1"), MAP("0", "0", "1")),
	  "/linux/uidMappings/0", "hostID + size is larger than 4294967295" },
	{ LINUX, Q("namespaces") "[" NS("user") "]," MAPS(MAP("0", "0", "1"), MAP("0", "0", "9") "," MAP("8", "100", "1")),
	  "/linux/gidMappings/1", "overlaps with mapping 0" },
	{ LINUX, Q("timeOffsets") "{\"monotonic\":{\"secs\":1}}", "/linux/timeOffsets",
	  "time namespace offsets specified, but time namespace isn't enabled in the config" },
	{ LINUX, Q("namespaces") "[{\"type\":\"time\",\"path\":\"/x\"}]," Q("timeOffsets") "{\"boottime\":{\"secs\":-1}}",
	  "/linux/timeOffsets",
	  "time namespace enabled, but both namespace path and time offsets specified -- you may only provide one" },
	{ LINUX, Q("timeOffsets") "{\"boottime\":{\"nanosecs\":1000000000}}", "/linux/timeOffsets/boottime/nanosecs",
	  "1000000000 is out of range (0 to 999999999)" },
	/* linux: paths, devices, sysctl and the rest */
	{ LINUX, Q("maskedPaths") "[\"/proc/x\"]", "/linux/maskedPaths",
	  "unable to restrict sys entries without a private MNT namespace" },
	{ LINUX, ALL_NS "," Q("readonlyPaths") "[\"proc\"]", "/linux/readonlyPaths/0", "\"proc\" is not an absolute path" },
	{ LINUX, Q("devices") "[{\"type\":\"x\",\"path\":\"/dev/x\"}]", "/linux/devices/0/type",
	  "unknown device type \"x\", expected one of c, b, u, p" },
	{ LINUX, Q("devices") "[{\"type\":\"c\",\"path\":\"/dev/x\",\"major\":1}]", "/linux/devices/0/minor", "is required" },
	{ LINUX, Q("devices") "[{\"type\":\"c\",\"path\":\"/dev/x\",\"major\":4096,\"minor\":0}]", "/linux/devices/0/major",
	  "4096 is out of range (-1 to 4095)" },
	{ LINUX, Q("devices") "[{\"type\":\"p\",\"path\":\"x\"}]", "/linux/devices/0/path", "\"x\" is not an absolute path" },
	{ LINUX, Q("rootfsPropagation") "\"x\"", "/linux/rootfsPropagation",
	  "unknown rootfs propagation \"x\", expected one of shared, rshared, slave, rslave, private, rprivate, "
	  "unbindable, runbindable" },
	{ LINUX, Q("personality") "{\"domain\":\"BSD\"}", "/linux/personality/domain",
	  "unknown personality \"BSD\", expected one of LINUX, LINUX32" },
	{ LINUX, Q("personality") "{}", "/linux/personality/domain", "is required" },
	{ LINUX, Q("sysctl") "{\"net.ipv4.ip_forward\":\"1\"}", "/linux/sysctl/net.ipv4.ip_forward",
	  "sysctl \"net.ipv4.ip_forward\" not allowed in host network namespace" },
	{ LINUX, Q("sysctl") "{\"kernel.shmmax\":\"1\"}", "/linux/sysctl/kernel.shmmax",
	  "sysctl \"kernel.shmmax\" is not allowed in the hosts ipc namespace" },
	{ LINUX, Q("sysctl") "{\"fs/mqueue/msg_max\":\"1\"}", "/linux/sysctl/fs.mqueue.msg_max",
	  "sysctl \"fs.mqueue.msg_max\" is not allowed in the hosts ipc namespace" },
	{ LINUX, Q("sysctl") "{\"user.max_user_namespaces\":\"1\"}", "/linux/sysctl/user.max_user_namespaces",
	  "setting ucounts without a user namespace not allowed: user.max_user_namespaces" },
	{ LINUX, ALL_NS "," Q("sysctl") "{\"kernel.core_pattern\":\"|x\"}", "/linux/sysctl/kernel.core_pattern",
	  "sysctl \"kernel.core_pattern\" is not in a separate kernel namespace" },
	{ LINUX, ALL_NS "," Q("sysctl") "{\"kernel.hostname\":\"x\"}", "/linux/sysctl/kernel.hostname",
	  "sysctl \"kernel.hostname\" is not allowed as it conflicts with the OCI \"hostname\" field" },
	{ LINUX, ALL_NS "," Q("sysctl") "{\"net/../kernel/core_pattern\":\"|x\"}", "/linux/sysctl/net.~1~1.kernel.core_pattern",
	  "\"net.//.kernel.core_pattern\" is not the name of a sysctl" },
	{ LINUX, ALL_NS "," Q("sysctl") "{\"net.//.kernel.core_pattern\":\"|x\"}", "/linux/sysctl/net.~1~1.kernel.core_pattern",
	  "\"net.//.kernel.core_pattern\" is not the name of a sysctl" },
	{ LINUX, ALL_NS "," Q("sysctl") "{\"net.\":\"1\"}", "/linux/sysctl/net.", "\"net.\" is not the name of a sysctl" },
	{ LINUX, ALL_NS "," Q("sysctl") "{\"net.x y\":\"1\"}", "/linux/sysctl/net.x y", "\"net.x y\" is not the name of a sysctl" },
	{ LINUX, ALL_NS "," Q("sysctl") "{\"net.x\":\"1\\n2\"}", "/linux/sysctl/net.x", "the value must not contain a newline" },
	{ LINUX, Q("netDevices") "{\"eth0\":{}}", "/linux/netDevices",
	  "unable to move network devices without a NET namespace" },
	{ LINUX, ALL_NS "," Q("netDevices") "[]", "/linux/netDevices", "expected an object, found an array" },
	{ LINUX, ALL_NS "," Q("netDevices") "{\"eth0/1\":{}}", "/linux/netDevices/eth0~11",
	  "invalid network device name \"eth0/1\"" },
	{ LINUX, ALL_NS "," Q("netDevices") "{\"sixteen_bytes_16\":{}}", "/linux/netDevices/sixteen_bytes_16",
	  "invalid network device name \"sixteen_bytes_16\"" },
	{ LINUX, ALL_NS "," Q("netDevices") "{\"eth%d\":{}}", "/linux/netDevices/eth%d",
	  "invalid network device name \"eth%d\"" },
	{ LINUX, ALL_NS "," Q("netDevices") "{\"\":{}}", "/linux/netDevices/", "invalid network device name \"\"" },
	{ LINUX, ALL_NS "," Q("netDevices") "{\"eth0\":{\"name\":\"..\"}}", "/linux/netDevices/eth0/name",
	  "invalid network device name \"..\"" },
	{ LINUX, ALL_NS "," Q("netDevices") "{\"eth0\":{\"name\":\"a b\"}}", "/linux/netDevices/eth0/name",
	  "invalid network device name \"a b\"" },
	{ LINUX, ALL_NS "," Q("netDevices") "{\"eth0\":{\"name\":\"a%s\"}}", "/linux/netDevices/eth0/name",
	  "invalid network device name \"a%s\"" },
	{ LINUX, ALL_NS "," Q("netDevices") "{\"eth0\":{\"name\":\"a%d%d\"}}", "/linux/netDevices/eth0/name",
	  "invalid network device name \"a%d%d\"" },
	{ LINUX, ALL_NS "," Q("netDevices") "{\"a\":{\"name\":\"x\"},\"b\":{\"name\":\"x\"}}", "/linux/netDevices/b/name",
	  "two devices cannot both be \"x\"" },
	{ LINUX, Q("netDevices") "{\"eth0\":{\"name\":7}}", "/linux/netDevices/eth0/name",
	  "expected a string, found the number 7" },
	{ LINUX, Q("memoryPolicy") "{}", "/linux/memoryPolicy/mode", "invalid memory policy mode: is required" },
	{ LINUX, POLICY("BINDING", "\"nodes\":\"0\""), "/linux/memoryPolicy/mode",
	  "invalid memory policy mode \"MPOL_BINDING\", expected one of MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, "
	  "MPOL_INTERLEAVE, MPOL_LOCAL, MPOL_PREFERRED_MANY, MPOL_WEIGHTED_INTERLEAVE" },
	{ LINUX, POLICY("DEFAULT", "\"nodes\":\"0-7\""), "/linux/memoryPolicy/nodes",
	  "memory policy mode requires 0 nodes but got 8" },
	{ LINUX, POLICY("LOCAL", "\"nodes\":\"1\""), "/linux/memoryPolicy/nodes",
	  "memory policy mode requires 0 nodes but got 1" },
	{ LINUX, POLICY("BIND", "\"nodes\":\"\""), "/linux/memoryPolicy/nodes",
	  "memory policy mode requires at least one node but got 0" },
	{ LINUX, POLICY("BIND", "\"nodes\":\"0-9876543210\""), "/linux/memoryPolicy/nodes",
	  "invalid memory policy nodes: \"0-9876543210\" is not a list such as 0-3,7 of numbers below 8192" },
	{ LINUX, POLICY("BIND", "\"nodes\":[0]"), "/linux/memoryPolicy/nodes", "expected a string, found an array" },
	{ LINUX, POLICY("PREFERRED", "\"flags\":[\"MPOL_F_X\"]"), "/linux/memoryPolicy/flags/0",
	  "invalid memory policy flag \"MPOL_F_X\", expected one of MPOL_F_NUMA_BALANCING, MPOL_F_RELATIVE_NODES, "
	  "MPOL_F_STATIC_NODES" },
	{ LINUX, POLICY("BIND", "\"nodes\":\"0\",\"flags\":[\"MPOL_F_STATIC_NODES\",\"MPOL_F_RELATIVE_NODES\"]"),
	  "/linux/memoryPolicy/flags", "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other" },
	{ LINUX, RDT("closID", "\"..\""), "/linux/intelRdt/closID", "invalid intelRdt.ClosID: \"..\" is not the name of a directory" },
	{ LINUX, RDT("closID", "\"a/b\""), "/linux/intelRdt/closID", "invalid intelRdt.ClosID: \"a/b\" is not the name of a directory" },
	{ LINUX, RDT("closID", "1"), "/linux/intelRdt/closID", "expected a string, found the number 1" },
	{ LINUX, RDT("schemata", "[\"L3:0=f\",\"a\\nb\"]"), "/linux/intelRdt/schemata/1", "\"a\\nb\" must be one line" },
	{ LINUX, RDT("schemata", "\"L3:0=f\""), "/linux/intelRdt/schemata", "expected an array, found the string \"L3:0=f\"" },
	{ LINUX, RDT("l3CacheSchema", "\"L3:0=f\\nMB:\""), "/linux/intelRdt/l3CacheSchema",
	  "\"L3:0=f\\nMB:\" must be one line" },
	{ LINUX, RDT("l3CacheSchema", "{}"), "/linux/intelRdt/l3CacheSchema", "expected a string, found an object" },
	{ LINUX, RDT("memBwSchema", "\"L3:0=f\""), "/linux/intelRdt/memBwSchema", "\"L3:0=f\" does not begin with MB:" },
	{ LINUX, RDT("memBwSchema", "\"MB:0=1\\n\""), "/linux/intelRdt/memBwSchema", "\"MB:0=1\\n\" must be one line" },
	{ LINUX, RDT("memBwSchema", "[]"), "/linux/intelRdt/memBwSchema", "expected a string, found an array" },
	{ LINUX, RDT("enableMonitoring", "1"), "/linux/intelRdt/enableMonitoring", "expected true or false, found the number 1" },
	{ LINUX, Q("mountLabel") "\"x\\\",suid\"", "/linux/mountLabel", "\"x\\\",suid\" is not a label" },
	{ LINUX, Q("mountLabel") "7", "/linux/mountLabel", "expected a string, found the number 7" },
	/* seccomp */
	{ LINUX, SECCOMP(""), "/linux/seccomp/defaultAction", "is required" },
	{ LINUX, SECCOMP("\"defaultAction\":\"ALLOW\""), "/linux/seccomp/defaultAction",
	  "unknown seccomp action \"ALLOW\", expected one of SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, "
	  "SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY" },
	{ LINUX, SECCOMP("\"defaultAction\":\"SCMP_ACT_NOTIFY\""), "/linux/seccomp/defaultAction",
	  "SCMP_ACT_NOTIFY cannot be used as default action" },
	{ LINUX, SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1"), "/linux/seccomp/defaultErrnoRet",
	  "errno value specified for action SCMP_ACT_ALLOW" },
	{ LINUX, SECCOMP("\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096"), "/linux/seccomp/defaultErrnoRet",
	  "4096 is out of range (0 to 4095)" },
	{ LINUX, SECCOMP("\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_VAX\"]"),
	  "/linux/seccomp/architectures/0", "unknown architecture \"SCMP_ARCH_VAX\"" },
	{ LINUX, SECCOMP("\"defaultAction\":\"SCMP_ACT_ERRNO\",\"listenerMetadata\":\"x\""), "/linux/seccomp/listenerMetadata",
	  "is set without listenerPath" },
	{ LINUX, RULE("\"names\":[],\"action\":\"SCMP_ACT_LOG\""), "/linux/seccomp/syscalls/0/names", "must not be empty" },
	{ LINUX, RULE("\"names\":[\"a\",\"\"],\"action\":\"SCMP_ACT_LOG\""), "/linux/seccomp/syscalls/0/names/1",
	  "must not be empty" },
	{ LINUX, RULE("\"names\":[\"read\"],\"action\":\"SCMP_ACT_NOTIFY\""), "/linux/seccomp/syscalls/0/action",
	  "seccomp listenerPath is not set" },
	{ LINUX, RULE("\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_NOTIFY\""), "/linux/seccomp/syscalls/0/names/1",
	  "SCMP_ACT_NOTIFY cannot be used for the write syscall" },
	{ LINUX,
	  SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"\",\"syscalls\":[{\"names\":[\"read\"],"
		  "\"action\":\"SCMP_ACT_NOTIFY\"}]"),
	  "/linux/seccomp/syscalls/0/action", "seccomp listenerPath is not set" },
	{ LINUX, RULE("\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":6,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]"),
	  "/linux/seccomp/syscalls/0/args/0/index", "6 is out of range (0 to 5)" },
	{ LINUX, RULE("\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":0,\"value\":-1,\"op\":\"SCMP_CMP_EQ\"}]"),
	  "/linux/seccomp/syscalls/0/args/0/value", "-1 is out of range (0 to 18446744073709551615)" },
	/* resources */
	{ LINUX, RESOURCES(Q("devices") "[{\"allow\":true,\"access\":\"x\"}]"), "/linux/resources/devices/0/access",
	  "\"x\" has none of the letters r, w and m" },
	{ LINUX, RESOURCES(Q("devices") "[{\"allow\":true}]"), "/linux/resources/devices/0/access", "is required" },
	{ LINUX, RESOURCES(Q("devices") "[{\"access\":\"r\"}]"), "/linux/resources/devices/0/allow", "is required" },
	{ LINUX, RESOURCES(Q("devices") "[{\"allow\":true,\"access\":\"r\",\"type\":\"p\"}]"),
	  "/linux/resources/devices/0/type", "unknown device type \"p\", expected one of a, c, b" },
	{ LINUX, RESOURCES(Q("memory") "{\"limit\":9223372036854775808}"), "/linux/resources/memory/limit",
	  "9223372036854775808 is out of range (-1 to 9223372036854775807)" },
	{ LINUX, RESOURCES(Q("memory") "{\"limit\":200,\"swap\":100}"), "/linux/resources/memory/swap",
	  "memory+swap limit should be >= memory limit, and 100 is less than 200" },
	{ LINUX, RESOURCES(Q("cpu") "{\"shares\":-5}"), "/linux/resources/cpu/shares",
	  "-5 is out of range (0 to 18446744073709551615)" },
	{ LINUX, RESOURCES(Q("hugepageLimits") "[{\"pageSize\":\"2MiB/../x\",\"limit\":1}]"),
	  "/linux/resources/hugepageLimits/0/pageSize", "\"2MiB/../x\" is not a size such as 64KB, 2MB or 1GB" },
	{ LINUX, RESOURCES(Q("unified") "{\"a/b\":\"1\"}"), "/linux/resources/unified/a~1b",
	  "unified resource \"a/b\" must be a file name (no slashes)" },
	{ LINUX, RESOURCES(Q("unified") "{\"memory\":\"1\"}"), "/linux/resources/unified/memory",
	  "unified resource \"memory\" must be in the form CONTROLLER.PARAMETER" },
	{ LINUX, RESOURCES(Q("blockIO") "{\"weight\":9}"), "/linux/resources/blockIO/weight", "9 is out of range (10 to 1000)" },
	{ LINUX, RESOURCES(Q("blockIO") "{\"weight\":65536}"), "/linux/resources/blockIO/weight",
	  "65536 is out of range (0 to 65535)" },
	{ LINUX, RESOURCES(Q("network") "{\"priorities\":[{\"name\":\"a b\",\"priority\":1}]}"),
	  "/linux/resources/network/priorities/0/name", "\"a b\" is not a device's name" },
	{ LINUX, RESOURCES(Q("rdma") "{\"mlx5_0\":{\"hcaHandles\":\"3\"}}"), "/linux/resources/rdma/mlx5_0/hcaHandles",
	  "expected an integer, found the string \"3\"" },
};
/* clang-format on */

static void test_bad(void)
{
	struct spec *s;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		s = load(bad[i].place, bad[i].more, &e);
		if (!bad[i].chain) {
			ok(s, "takes %s", bad[i].more);
			continue;
		}
		ok(!s && e.code, "refuses %s", bad[i].more);
		is(e.pointer, bad[i].pointer, "... at its pointer");
		is(e.chain, bad[i].chain, "... with its sentence");
	}
}

/* What clients send without asking for anything. */
static void test_nothing_asked(void)
{
	static const struct {
		enum place place;
		const char *more;
	} cases[] = {
		{ TOP, "" },
		{ TOP, Q("windows") "5," Q("solaris") "{}," Q("vm") "[]," Q("zos") "0," Q(
			       "freebsd") "0" },
		{ TOP, Q("future") "{\"x\":[1]}," Q("hostname") "null," Q("domainname") "\"\"," Q(
			       "hooks") "{}" },
		{ TOP,
		  Q("mounts") "[{\"destination\":\"proc\",\"uidMappings\":[],\"gidMappings\":null}]" },
		{ PROCESS,
		  Q("apparmorProfile") "\"\"," Q("selinuxLabel") "null," Q("commandLine") "\"x\"" },
		{ PROCESS,
		  Q("ioPriority") "null," Q("scheduler") "null," Q("execCPUAffinity") "{}" },
		{ PROCESS, Q("consoleSize") "{\"height\":0,\"width\":0}," Q(
				   "user") "{\"uid\":0,\"gid\":0,\"username\":\"x\"}" },
		{ LINUX, Q("mountLabel") "\"\"," Q("netDevices") "{}," Q("memoryPolicy") "null," Q(
				 "intelRdt") "null" },
		{ LINUX,
		  Q("timeOffsets") "{}," Q("rootfsPropagation") "\"\"," Q("maskedPaths") "[]" },
		{ LINUX, Q("namespaces") "[{\"type\":\"pid\",\"path\":\"\"}]" },
		{ LINUX, RESOURCES(Q("blockIO") "{\"weight\":0,\"weightDevice\":[]}," Q(
				 "network") "{}," Q("rdma") "{}") },
		{ LINUX, RESOURCES(Q("blockIO") "{}," Q("network") "{\"classID\":null}," Q(
				 "cpu") "{\"shares\":0}") },
		{ LINUX,
		  RESOURCES(Q(
			  "memory") "{\"limit\":0,\"swap\":0,\"reservation\":-1,\"disableOOMKiller\":false}") },
		{ LINUX, SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/s\"") },
		{ LINUX,
		  Q("devices") "[{\"type\":\"p\",\"path\":\"/f\",\"major\":0,\"minor\":-1,\"fileMode\":8630}]" },
		{ LINUX, Q("personality") "{\"domain\":\"LINUX\",\"flags\":[]}" },
		{ WHOLE,
		  "{\"ociVersion\":\"1.99.0+dev\",\"root\":{\"path\":\"/r\"},\"process\":{" ARGS
		  "}}" },
		{ WHOLE,
		  "{\"ociVersion\":\"1.0.0-rc5\",\"root\":{\"path\":\".\"},\"process\":{" ARGS
		  "},\"linux\":null}" },
	};
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!ok(load(cases[i].place, cases[i].more, &e), "takes %s", cases[i].more))
			note("%s: %s", e.pointer, e.chain);
	}
}

static void test_process_values(void)
{
	struct err e;
	struct spec *s = load(
		PROCESS,
		Q("env") "[\"A=1\",\"B=\"]," Q("user") "{\"uid\":7,\"gid\":8,\"umask\":18,\"additionalGids\":[9,10]}," Q("capabilities") "{\"bounding\":[\"CAP_CHOWN\",\"CAP_NEW\",\"CAP_CHECKPOINT_RESTORE\"],\"ambient\":[]}," Q(
			"rlimits") "[{\"type\":\"RLIMIT_NOFILE\",\"soft\":5,\"hard\":18446744073709551615}]," Q("noNewPrivileges") "true," Q("oomScoreAdj") "-1000",
		&e);
	const struct spec_process *p;

	if (!ok(s, "a process is read: %s", e.chain))
		return;
	p = s->process;
	ok(p->args.n == 1 && !p->args.v[1] && !strcmp(p->args.v[0], "sh"), "args end with NULL");
	ok(p->env.n == 2 && !p->env.v[2], "env ends with NULL");
	ok(p->user->uid.v == 7 && p->user->gid.v == 8 && p->user->umask.set &&
		   p->user->umask.v == 022,
	   "user");
	ok(p->user->additional_gids.n == 2 && p->user->additional_gids.v[1].v == 10,
	   "additionalGids");
	ok(p->capabilities->bounding.mask == (1ull | 1ull << 40), "known capabilities are bits");
	ok(p->capabilities->bounding.unknown.n == 1 &&
		   !strcmp(p->capabilities->bounding.unknown.v[0], "CAP_NEW"),
	   "unknown capabilities are kept by name");
	ok(p->capabilities->ambient.set && !p->capabilities->effective.set,
	   "an empty set is not an absent one");
	ok(p->rlimits.v[0].type == RLIMIT_NOFILE && p->rlimits.v[0].hard.v == UINT64_MAX,
	   "rlimits are exact");
	ok(p->no_new_privileges && !p->terminal && p->oom_score_adj.v == -1000,
	   "flags and oomScoreAdj");
	ok(!p->apparmor_profile && !p->scheduler && !s->hooks && !s->hostname,
	   "absent ones are NULL");
	ok(s->linux_ && !s->linux_->namespaces.n, "linux is there in any case");
}

static void test_linux_values(void)
{
	struct err e;
	struct spec *s = load(
		LINUX,
		ALL_NS
		"," Q("sysctl") "{\"net/ipv4/conf/eno2.100/x\":\"1\",\"kernel.sem\":\"1 2\"}," RESOURCES(
			Q("devices") "[{\"allow\":false,\"access\":\"rwm\"}]," Q("unified") "{\"io.max\":\"a\\nb\"}," Q(
				"memory") "{\"limit\":9007199254740993,\"checkBeforeUpdate\":false}") "," SECCOMP("\"defaultAction\":\"SCMP_ACT_ERRNO\",\"flags\":[],\"syscalls\":[{\"names\":[\"a\"],"
														  "\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":1,\"value\":18446744073709551615,"
														  "\"valueTwo\":3,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]") "," Q("rootfsPropagation") "\"rslave\"," Q("devices") "[{\"type\":\"u\",\"path\":\"/d\",\"major\":1,\"minor\":2}]",
		&e);
	const struct spec_linux *l;
	auto_free char *path = spec_sysctl_path("net.ipv4.conf.eno2/100.x");

	is(path, "net/ipv4/conf/eno2.100/x", "a sysctl's path");
	if (!ok(s, "linux is read: %s %s", e.pointer, e.chain))
		return;
	l = s->linux_;
	ok(spec_namespace_flags(s) == (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET),
	   "namespace flags");
	ok(spec_namespace(s, CLONE_NEWNET)->type == CLONE_NEWNET &&
		   !spec_namespace(s, CLONE_NEWPID),
	   "namespaces by type");
	is(l->sysctl.v[0].key, "net.ipv4.conf.eno2/100.x", "slashes become dots");
	is(l->sysctl.v[1].key, "kernel.sem", "dots stay dots");
	ok(l->resources->devices.v[0].type == 'a' && !l->resources->devices.v[0].major.set,
	   "a device rule is for all");
	ok(l->resources->memory->limit.v == 9007199254740993, "2^53+1 bytes");
	ok(l->resources->memory->check_before_update.set &&
		   !l->resources->memory->disable_oom_killer.set,
	   "three states");
	is(l->resources->unified.v[0].value, "a\nb", "unified may have lines");
	ok(l->seccomp->flags.set && !l->seccomp->flags.mask, "flags [] are not absent");
	ok(l->seccomp->syscalls.v[0].args.v[0].value.v == UINT64_MAX,
	   "2^64-1 as a syscall's argument");
	ok(l->seccomp->syscalls.v[0].args.v[0].op == SC_OP_MASKED_EQ, "the operator");
	ok(l->rootfs_propagation == (MS_SLAVE | MS_REC), "propagation");
	ok(l->devices.v[0].type == 'c', "u is c");
}

static void test_other_files(void)
{
	struct spec_process *p = NULL;
	struct spec_resources *r = NULL;
	struct err e = { 0 };

	ok(spec_process_read("{\"cwd\":\"/\",\"args\":[\"a\"]}", 24, &arena, &p, &e) == 0 &&
		   p->user->uid.set,
	   "process.json");
	ok(spec_process_read("{\"cwd\":\"/\",\"args\":[1]}", 22, &arena, &p, &e) < 0,
	   "a bad process.json");
	is(e.pointer, "/args/0", "... has pointers from its root");
	ok(spec_resources_read("{\"pids\":{\"limit\":-1}}", 21, &arena, &r, &e) == 0 &&
		   r->pids->limit.v == -1,
	   "resources.json");
	ok(spec_resources_read("{\"memory\":{\"swap\":1,\"limit\":2}}", 31, &arena, &r, &e) < 0,
	   "a bad resources.json");
	is(e.pointer, "/memory/swap", "... has pointers from its root");
}

/* As Go's decoder, and so runc, takes them. */
static void test_other_spellings(void)
{
	struct err e;
	struct spec *s =
		load(TOP,
		     Q("HostName") "\"h\"," Q("Mounts") "[{" Q("Destination") "\"/a\"," Q(
			     "options") "[\"ro\"]}]," Q("LINUX") "{" ALL_NS
								 "," Q("MaskedPaths") "[\"/m\"]}",
		     &e);

	ok(s, "other spellings: %s", e.chain);
	is(s->hostname, "h", "HostName");
	ok(s->mounts.n == 1 && s->mounts.v[0].options.n == 1, "Mounts");
	is(s->mounts.v[0].destination, "/a", "Destination, which is required");
	ok(s->linux_->masked_paths.n == 1, "LINUX, MaskedPaths");
	s = load(TOP,
		 Q("HOSTNAME") "\"wrong\"," Q("hostname") "\"right\"," Q("linux") "{" ALL_NS "}",
		 &e);
	ok(s && !strcmp(s->hostname, "right"), "the last one counts");
	s = load(
		TOP,
		Q("hostname") "\"wrong\"," Q("Hostname") "\"right\"," Q("annotations") "{\"a\":\"1\"}," Q("Annotations") "{\"b\":\"2\"}," Q(
			"linux") "{" ALL_NS
				 "," RESOURCES(Q("cpu") "{\"shares\":512,\"cpus\":\"0-1\"}," Q(
					 "CPU") "{\"Cpus\":\"0\"}," Q("cPU") "null") "}",
		&e);
	ok(s && !strcmp(s->hostname, "right"), "... whatever its spelling: %s", e.chain);
	ok(s->linux_->resources->cpu->shares.v == 512 &&
		   !strcmp(s->linux_->resources->cpu->cpus, "0"),
	   "two objects are one");
	ok(s->annotations.n == 2 && !strcmp(s->annotations.v[0].key, "a") &&
		   !strcmp(s->annotations.v[1].key, "b"),
	   "two maps are one");
	s = load(TOP,
		 Q("mounts") "[{" Q("destination") "\"/a\"},{" Q("destination") "\"/b\"}]," Q(
			 "Mounts") "[{" Q("destination") "\"/c\"}]," Q("linux") "{" ALL_NS "}",
		 &e);
	ok(s && s->mounts.n == 1 && !strcmp(s->mounts.v[0].destination, "/c"),
	   "of two arrays the last one counts");
	s = load(TOP, Q("Mounts") "[{" Q("DESTINATION") "5}]", &e);
	ok(!s && !strcmp(e.pointer, "/Mounts/0/DESTINATION"), "errors name what is there: %s",
	   e.pointer);
}

static void refuses(const char *what, const char *text, const char *pointer, const char *chain)
{
	struct spec *s = NULL;
	struct err e = { 0 };

	ok(spec_read(text, strlen(text), &arena, &s, &e) < 0, "refuses %s", what);
	is(e.pointer, pointer, "... at its place");
	is(e.chain, chain, "... with its sentence");
}

/* What is too much to be written into the table. */
static void test_too_many(void)
{
	auto_free char *name = xasprintf("\"hostname\":\"%065d\",\"linux\":{" ALL_NS "}", 0);
	auto_free char *host = config(TOP, name);
	auto_str struct str maps = { 0 };
	auto_free char *mapped = NULL;

	refuses("a long host name", host, "/hostname", "is longer than 64 bytes");
	str_add(&maps, "\"namespaces\":[{\"type\":\"user\"}],\"gidMappings\":[" MAP(
			       "0", "0", "1") "],\"uidMappings\":[");
	for (int i = 0; i <= 340; i++)
		str_addf(&maps, "%s{\"containerID\":%d,\"hostID\":%d,\"size\":1}", i ? "," : "", i,
			 i);
	str_add(&maps, "]");
	mapped = config(LINUX, maps.s);
	refuses("a map of 341 lines", mapped, "/linux/uidMappings",
		"has 341 lines, the kernel takes at most 340");
}

/* Nothing may point out of a shared arena: another process maps it and follows the pointers. */
static void test_shared_arena(void)
{
	auto_free char *text = config(LINUX, ALL_NS "," Q("sysctl") "{\"kernel.sem\":\"1\"}");
	struct spec *s = NULL;
	struct err e = { 0 };
	struct arena a;

	if (!ok(arena_init_shared(&a, &e) == 0 && spec_read(text, strlen(text), &a, &s, &e) == 0,
		"into a shared arena: %s", e.chain))
		return;
	ok((char *)s == a.base && (a.fd < 0) == (ARENA_NEAR > 0), "the spec is its first object");
#define INSIDE(x) ((const char *)(x) >= a.base && (const char *)(x) < a.p)
	ok(INSIDE(s->process) && INSIDE(s->process->user) && INSIDE(s->process->args.v[0]) &&
		   INSIDE(s->linux_) && INSIDE(s->linux_->namespaces.v) &&
		   INSIDE(s->linux_->sysctl.v[0].key) && INSIDE(s->root->path),
	   "everything lies in it");
#undef INSIDE
	close(a.fd);
}

/* --- the list of pointers ------------------------------------------------------------------- */

struct visited {
	char *pointers[600];
	unsigned n, ignored_without_reason;
};

static void visit(void *arg, const char *pointer, unsigned flags, const char *why)
{
	struct visited *v = arg;

	if (flags & IGNORED && !why)
		v->ignored_without_reason++;
	if (v->n < ARRAY_SIZE(v->pointers))
		v->pointers[v->n++] = xstrdup(pointer);
}

/* The list has containers too ("/linux/namespaces/" and a star): any row below them covers those. */
static bool covered(const struct visited *v, const char *pointer)
{
	size_t n = strlen(pointer);

	for (unsigned i = 0; i < v->n; i++) {
		if (!strncmp(v->pointers[i], pointer, n) &&
		    (!v->pointers[i][n] || v->pointers[i][n] == '/'))
			return true;
	}
	return false;
}

static void test_coverage(void)
{
	const char *file = getenv("POINTERS") ? getenv("POINTERS") :
						"bats/oci-1.3-linux-pointers.txt";
	static struct visited v;
	auto_free char *text = NULL;
	struct err e = { 0 };
	unsigned n = 0, missing = 0;
	char *line, *next;

	decode_visit(&spec_type, "", visit, &v);
	ok(v.ignored_without_reason == 0, "every ignored property has a reason");
	ok(v.n < ARRAY_SIZE(v.pointers), "%u pointers are known", v.n);
	if (fd_read_file(AT_FDCWD, file, 1 << 20, &text, NULL, &e) < 0) {
		skip(1, "no list of pointers: %s", e.chain);
		return;
	}
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			next++;
		if (*line != '/')
			continue;
		line[strcspn(line, " \n")] = '\0';
		n++;
		if (!covered(&v, line)) {
			missing++;
			note("not in the tables: %s", line);
		}
	}
	ok(n == 179 && !missing, "the tables cover %u of the 179 pointers, %u are missing", n,
	   missing);
}

/* --- golden files: x.json and x.err, whose only line is "POINTER: SENTENCE" --------------------- */

/* All failures at once begin with the one that would end the reading. */
static void keep_first(void *arg, const struct err *e)
{
	struct err *first = arg;

	if (!first->code)
		*first = *e;
}

static void test_all_golden(const char *json, size_t n, const struct err *want)
{
	struct err first = { 0 }, e = { 0 };
	struct spec *s = NULL;

	if (spec_read_all(json, n, &arena, &s, keep_first, &first, &e) < 0)
		first = e;
	ok(!strcmp(first.chain, want->chain) && !strcmp(first.pointer, want->pointer),
	   "... which is the first of all: %s: %s", first.pointer, first.chain);
}

static void test_golden(const char *dir, const char *name)
{
	auto_free char *json = NULL, *err = NULL, *found = NULL;
	auto_free char *json_path = xasprintf("%s/%s", dir, name);
	auto_free char *err_path = xasprintf("%s/%.*s.err", dir, (int)strlen(name) - 5, name);
	struct spec *s = NULL;
	struct err e = { 0 };
	size_t n;

	if (fd_read_file(AT_FDCWD, json_path, SPEC_FILE_MAX, &json, &n, &e) < 0 ||
	    fd_read_file(AT_FDCWD, err_path, 4096, &err, NULL, &e) < 0) {
		ok(false, "%s: %s", name, e.chain);
		return;
	}
	ok(spec_read(json, n, &arena, &s, &e) < 0, "refuses %s", name);
	found = xasprintf("%s%s%s\n", e.pointer, e.pointer[0] ? ": " : "", e.chain);
	is(found, err, "... with its golden sentence");
	test_all_golden(json, n, &e);
}

static void test_golden_files(void)
{
	const char *path = getenv("BAD") ? getenv("BAD") : "bats/bad";
	DIR *dir = opendir(path);
	struct dirent *d;

	if (!dir) {
		skip(1, "no golden files in %s", path);
		return;
	}
	while ((d = readdir(dir))) {
		if (str_ends(d->d_name, ".json"))
			test_golden(path, d->d_name);
	}
	closedir(dir);
}

static void count(void *arg, const struct err *e)
{
	struct str *out = arg;

	str_addf(out, "%s ", e->pointer);
}

/* Of each property by itself, and then of each rule, at whatever depth. */
static void test_all(void)
{
	auto_free char *wrong = config(
		PROCESS,
		"\"rlimits\":[{\"type\":\"X\",\"hard\":1},{\"soft\":-1}],\"env\":[1,\"A=b\",2]");
	auto_free char *rules = config(
		LINUX,
		"\"sysctl\":{\"kernel.x\":\"1\",\"kernel.y\":\"1\"},\"timeOffsets\":{\"boottime\":{\"secs\":1}}");
	struct str out auto_str = { 0 };
	struct spec *s = NULL;
	struct err e;

	ok(spec_read_all(wrong, strlen(wrong), &arena, &s, count, &out, &e) == 0 && !s,
	   "a bad one is read to its end");
	is(str_get(&out),
	   "/process/rlimits/0/type /process/rlimits/0/soft /process/rlimits/1/soft "
	   "/process/rlimits/1/type /process/rlimits/1/hard /process/env/0 /process/env/2 ",
	   "... all properties are told of, in the order of the text");
	str_done(&out);
	ok(spec_read_all(rules, strlen(rules), &arena, &s, count, &out, &e) == 0 && s,
	   "one whose properties are right is read");
	is(str_get(&out), "/linux/timeOffsets /linux/sysctl/kernel.x /linux/sysctl/kernel.y ",
	   "... all rules are told of");
	str_done(&out);
	ok(spec_read_all("{", 1, &arena, &s, count, &out, &e) < 0 && !s,
	   "what is no JSON is an error");
}

int main(void)
{
	arena_init(&arena);
	test_all();
	test_bad();
	test_nothing_asked();
	test_process_values();
	test_linux_values();
	test_other_files();
	test_other_spellings();
	test_too_many();
	test_shared_arena();
	test_coverage();
	test_golden_files();
	return done_testing();
}
