/*
 * seccomp.c - a list of system calls that a running daemon never makes and an intruder likes.
 *
 * Deny-list, answered with EPERM: an allow-list breaks with each new C library, and then people
 * switch it off. Calls that libseccomp does not know on this machine are left out.
 */
#include <errno.h>
#include <seccomp.h>
#include <sys/socket.h>

#include "base/own.h"
#include "sandbox/parts.h"

static const char *const denied[] = {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* LeakSanitizer stops the process' threads by ptrace */
	"ptrace",
#endif
	"process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd",
	/* the file system as a whole */
	"mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen",
	"fsconfig", "fsmount", "fspick", "mount_setattr", "swapon", "swapoff", "quotactl",
	"quotactl_fd", "name_to_handle_at", "open_by_handle_at", "mknod", "mknodat",
	/* who we are */
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setns",
	"unshare", "capset",
	/* the machine */
	"reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
	"setdomainname", "acct", "syslog", "vhangup", "iopl", "ioperm", "personality",
	/* kernel parts with a history */
	"bpf", "perf_event_open", "userfaultfd", "add_key", "request_key", "keyctl",
	"io_uring_setup", "io_uring_enter", "io_uring_register", "lookup_dcookie", "nfsservctl",
	"vmsplice", "fanotify_init",
};

static const char *const denied_programs[] = {"execve", "execveat"};

/* 0 or a negative errno. */
static int deny(scmp_filter_ctx ctx, const char *const *list, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		int nr = seccomp_syscall_resolve_name(list[i]);

		if (nr == __NR_SCMP_ERROR)
			continue;
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
		/* a call that this architecture does not have */
		if (r == -EDOM || r == -EINVAL)
			r = 0;
	}
	return r;
}

enum err seccomp_enter(const struct sandbox_plan *plan, struct fail *f)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	enum err e = ERR_OK;
	int r = 0;

	if (!ctx)
		return fail(f, ERR_UNSUPPORTED, "seccomp");
	/* Another ABI's calls (i386 on amd64) go round the list, so they end the process. */
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	r = deny(ctx, denied, ARRAY_LEN(denied));
	if (r == 0 && !plan->programs)
		r = deny(ctx, denied_programs, ARRAY_LEN(denied_programs));
	if (r == 0 && plan->no_network)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
				     SCMP_A0(SCMP_CMP_NE, AF_UNIX));
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r == -ECANCELED || r == -EINVAL || r == -ENOSYS)
		e = fail_errno(f, ERR_UNSUPPORTED, -r, "seccomp filter");
	else if (r < 0)
		e = fail_errno(f, ERR_IO, -r, "seccomp filter");
	return e;
}
