/*
 * landlock.c - Landlock by raw system calls, for C libraries and kernel headers that do not know
 * it yet. Constants are from the kernel's Documentation/userspace-api/landlock.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "sandbox/parts.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_VERSION 1u
#define RULE_PATH 1
#define RULE_PORT 2
#define FS(bit) (UINT64_C(1) << (bit))
#define NET_BIND_TCP UINT64_C(1)

enum {
	FS_EXECUTE,
	FS_WRITE_FILE,
	FS_READ_FILE,
	FS_READ_DIR,
	FS_REMOVE_DIR,
	FS_REMOVE_FILE,
	FS_MAKE_CHAR,
	FS_MAKE_DIR,
	FS_MAKE_REG,
	FS_MAKE_SOCK,
	FS_MAKE_FIFO,
	FS_MAKE_BLOCK,
	FS_MAKE_SYM,
	FS_REFER,     /* ABI 2 */
	FS_TRUNCATE,  /* ABI 3 */
	FS_IOCTL_DEV, /* ABI 5 */
};

/* Rights on files that each ABI knows; what is handled and not granted is denied. */
static const uint64_t handled_by_abi[] = {
	0,
	FS(FS_MAKE_SYM + 1) - 1,
	FS(FS_REFER + 1) - 1,
	FS(FS_TRUNCATE + 1) - 1,
	FS(FS_TRUNCATE + 1) - 1,
	FS(FS_IOCTL_DEV + 1) - 1,
};

struct ruleset_attr {
	uint64_t fs, net;
};
struct path_attr {
	uint64_t access;
	int32_t parent_fd;
} __attribute__((packed));
struct port_attr {
	uint64_t access, port;
};

static const uint64_t read_rights = FS(FS_READ_FILE) | FS(FS_READ_DIR);
static const uint64_t write_rights = FS(FS_WRITE_FILE) | FS(FS_REMOVE_DIR) | FS(FS_REMOVE_FILE) |
				     FS(FS_MAKE_DIR) | FS(FS_MAKE_REG) | FS(FS_MAKE_SOCK) |
				     FS(FS_REFER) | FS(FS_TRUNCATE);
/* The rights that mean something for a single file; the kernel refuses others. */
static const uint64_t file_rights = FS(FS_EXECUTE) | FS(FS_WRITE_FILE) | FS(FS_READ_FILE) |
				    FS(FS_TRUNCATE) | FS(FS_IOCTL_DEV);

/*
 * What getaddrinfo, OpenSSL and the C library open by themselves. All of /etc, because a rule for a
 * file dies when an administrator's tool replaces the file, as is usual with resolv.conf.
 */
static const struct sandbox_path network_files[] = {
	{"/etc", SANDBOX_READ, true},	     {"/usr/share", SANDBOX_READ, true},
	{"/usr/lib", SANDBOX_READ, true},    {"/lib", SANDBOX_READ, true},
	{"/lib64", SANDBOX_READ, true},	     {"/usr/local/lib", SANDBOX_READ, true},
	{"/run/resolvconf", SANDBOX_READ, true}, {"/run/systemd/resolve", SANDBOX_READ, true},
	{"/run/nscd", SANDBOX_READ, true},   {"/var/lib/ca-certificates", SANDBOX_READ, true},
};
static const struct sandbox_path always_files[] = {
	{"/dev/urandom", SANDBOX_READ, true},
	{"/dev/null", SANDBOX_READ | SANDBOX_WRITE, true},
	{"/sys/devices/system/cpu", SANDBOX_READ, true},
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	{"/proc", SANDBOX_READ, true}, /* sanitizers look for threads and symbols at exit */
#else
	{"/proc/self", SANDBOX_READ, true},
#endif
};

int landlock_abi(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return v < 0 ? 0 : (int)v;
}

static enum err allow_path(int set, const struct sandbox_path *p, uint64_t handled,
			   struct fail *f)
{
	struct path_attr rule = {.access = read_rights};
	OWN(fd) int fd = open(p->path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && p->optional && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return ERR_OK;
	if (fd < 0 || fstat(fd, &st) != 0)
		return fail_errno(f, ERR_INVAL, errno, "sandbox: %s", p->path);
	if (p->access & SANDBOX_WRITE)
		rule.access |= write_rights;
	if (p->access & SANDBOX_RUN)
		rule.access |= FS(FS_EXECUTE);
	if (!S_ISDIR(st.st_mode))
		rule.access &= file_rights;
	rule.access &= handled;
	rule.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, set, RULE_PATH, &rule, 0) != 0)
		return fail_errno(f, ERR_IO, errno, "sandbox: rule for %s", p->path);
	return ERR_OK;
}

static enum err allow_paths(int set, const struct sandbox_path *list, size_t n, uint64_t handled,
			    struct fail *f)
{
	for (size_t i = 0; i < n; i++)
		TRY(allow_path(set, &list[i], handled, f));
	return ERR_OK;
}

static enum err allow_ports(int set, const struct sandbox_plan *plan, struct fail *f)
{
	for (size_t i = 0; i < plan->n_bind_ports; i++) {
		struct port_attr rule = {NET_BIND_TCP, plan->bind_ports[i]};

		if (syscall(SYS_landlock_add_rule, set, RULE_PORT, &rule, 0) != 0)
			return fail_errno(f, ERR_IO, errno, "sandbox: rule for port %u",
					  plan->bind_ports[i]);
	}
	return ERR_OK;
}

enum err landlock_enter(const struct sandbox_plan *plan, int abi, struct fail *f)
{
	size_t known = MIN((size_t)abi, ARRAY_LEN(handled_by_abi) - 1);
	struct ruleset_attr attr = {.fs = handled_by_abi[known],
				    .net = abi >= 4 && !plan->bind_any ? NET_BIND_TCP : 0};
	/* Older kernels take only the attribute's part that they know. */
	size_t size = abi >= 4 ? sizeof(attr) : sizeof(attr.fs);
	OWN(fd) int set = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);

	if (set < 0)
		return fail_errno(f, ERR_IO, errno, "sandbox: Landlock rules");
	TRY(allow_paths(set, always_files, ARRAY_LEN(always_files), attr.fs, f));
	if (plan->network_files)
		TRY(allow_paths(set, network_files, ARRAY_LEN(network_files), attr.fs, f));
	TRY(allow_paths(set, plan->paths, plan->n_paths, attr.fs, f));
	if (attr.net)
		TRY(allow_ports(set, plan, f));
	if (syscall(SYS_landlock_restrict_self, set, 0) != 0)
		return fail_errno(f, ERR_IO, errno, "sandbox: enter Landlock");
	return ERR_OK;
}
