/*
 * PREFIX/bin/condor_submit and its like: has the fork server (shims/forkserver/server.py) run the command, and ends as it ends.
 *
 * Where that cannot be, it becomes the command itself (PREFIX/lib/commands/NAME, by Python), which does the same and takes the
 * interpreter's start longer: no fork server, a terminal (it belongs to our session), arguments that name our own descriptors.
 *
 * A child of the fork server says who it is; then we send a header, strings, our standard streams, our working folder. It takes all of it
 * over, says that it is ready, and begins when we say so; until then we may leave it, and it does nothing. So a command runs once: there
 * or here. Then its exit status comes back; if none comes, a signal ended it, and the same ends us. Nothing is sent before the child has
 * spoken: in a server that hangs our streams would stay open for those who read them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

enum { STREAMS = 3, PATIENCE = 2 /* s; until the server's child is ready */ };

struct header { /* forkserver.py: _HEADER */
	char magic[8];
	uint32_t bytes, arguments, variables, mask;
};

static volatile sig_atomic_t child, forwarded;
static char prefix[4096], path[4096 + 300];

/* The command itself, in this process. */
static void run_here(const char *name, char **words)
{
	snprintf(path, sizeof path, "%s/lib/commands/%s", prefix, name);
	execv(path, words);
	dprintf(2, "%s: cannot run %s: %s (scripts/install mends it)\n", name, path, strerror(errno));
	_exit(127);
}

static void forward(int number)
{
	int kept = errno;
	forwarded = number;
	kill(-child, number);
	errno = kept;
}

/* Our name, when PREFIX/bin/NAME is what runs (whatever the caller says that it is called); PREFIX goes to `prefix`. */
static char *find_place(void)
{
	static const char deleted[] = " (deleted)"; /* proc(5): a new installation has just taken our place */
	ssize_t length = readlink("/proc/self/exe", prefix, sizeof prefix - 1), tail = sizeof deleted - 1;
	if (length > tail && !strcmp(prefix + length - tail, deleted)) prefix[length - tail] = 0;
	char *name = strrchr(prefix, '/');
	if (!name) return 0;
	*name++ = 0;
	char *bin = strrchr(prefix, '/');
	if (!bin) return 0;
	*bin = 0;
	return name;
}

static int switched_off(const char *value)
{
	static const char *const words[] = {"0", "no", "false", "off", 0};
	for (int i = 0; value && words[i]; i++) {
		if (!strcasecmp(value, words[i])) return 1;
	}
	return 0;
}

/* Whether our session keyring has keys (tickets, tokens) beside the user's own: no child would find them. */
static int has_keys(void)
{
	enum { GET_ID = 0, READ = 11, SESSION = -3, USER = -4, USER_SESSION = -5 };
	int32_t keys[64];
	long user = syscall(SYS_keyctl, GET_ID, USER, 0), shared = syscall(SYS_keyctl, GET_ID, USER_SESSION, 0);
	long size = syscall(SYS_keyctl, READ, SESSION, keys, sizeof keys);
	if (size < 0) return 0; /* this kernel has no keys for us */
	if (size > (long)sizeof keys) return 1;
	for (long i = 0; i < size / (long)sizeof *keys; i++) {
		if (keys[i] != user && keys[i] != shared) return 1;
	}
	return 0;
}

/* Whether the command means the same elsewhere: no terminal, no closed stream, no descriptor of ours by its name. */
static int can_go(char **words)
{
	for (int fd = 0; fd < STREAMS; fd++) {
		if (isatty(fd) || fcntl(fd, F_GETFD) < 0) return 0;
	}
	for (; *words; words++) {
		if (strstr(*words, "/dev/fd") || strstr(*words, "/proc/")) return 0;
	}
	if (prctl(PR_GET_SECUREBITS) > 0 || has_keys()) return 0;
	return getuid() == geteuid() && getgid() == getegid() && !switched_off(getenv("AWQ_FORKSERVER"));
}

/* A connection to the fork server of a spool that is ours alone, or -1. */
static int reach(const char *spool)
{
	struct stat info;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct ucred peer;
	struct timeval patience = {.tv_sec = PATIENCE};
	socklen_t size = sizeof peer;
	if (!spool || *spool != '/' || lstat(spool, &info) || !S_ISDIR(info.st_mode)) return -1;
	if (info.st_uid != geteuid() || info.st_mode & 077) return -1;
	int folder = open(spool, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (folder < 0 || fd < 0) return -1;
	/* An address holds 108 bytes, a path up to 4096: go through the descriptor of the folder. */
	snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/commands.sock", folder);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&at, sizeof at) || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size)) return -1;
	return peer.uid == geteuid() ? fd : -1;
}

static char *put(char *to, const char *text)
{
	return stpcpy(to, text) + 1;
}

static size_t size_of(char **texts, uint32_t *count)
{
	size_t size = 0;
	for (*count = 0; texts[*count]; ++*count) size += strlen(texts[*count]) + 1;
	return size;
}

/* The header and the strings, in one piece; 0 when there is no room. */
static char *message(const char *name, char **words, struct header *head)
{
	memcpy(head->magic, "awqfork2", sizeof head->magic);
	size_t size = size_of(words, &head->arguments) + size_of(environ, &head->variables) + strlen(prefix) + strlen(name) + 2;
	head->bytes = (uint32_t)size;
	head->mask = umask(0);
	umask(head->mask);
	char *whole = malloc(sizeof *head + size);
	if (!whole) return 0;
	memcpy(whole, head, sizeof *head);
	char *to = put(put(whole + sizeof *head, prefix), name);
	for (char **word = words; *word; word++) to = put(to, *word);
	for (char **variable = environ; *variable; variable++) to = put(to, *variable);
	return whole;
}

/* All of it, with the standard streams and the working folder beside its first byte. */
static int send_all(int fd, const char *whole, size_t size)
{
	int descriptors[STREAMS + 1] = {0, 1, 2, open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof descriptors)];
	} control = {0};
	struct iovec piece = {.iov_base = (void *)whole, .iov_len = size};
	struct msghdr envelope = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
	if (descriptors[STREAMS] < 0) return 0;
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof descriptors);
	memcpy(CMSG_DATA(&control.head), descriptors, sizeof descriptors);
	ssize_t sent = sendmsg(fd, &envelope, MSG_NOSIGNAL);
	while (sent > 0 && (size_t)sent < size) {
		whole += sent;
		size -= sent;
		sent = send(fd, whole, size, MSG_NOSIGNAL);
	}
	return sent > 0;
}

static int hand_over(int fd, const char *name, char **words)
{
	struct header head = {0};
	char *whole = message(name, words, &head);
	int sent = whole && send_all(fd, whole, sizeof head + head.bytes);
	free(whole);
	return sent;
}

/* What a person, a shell or a batch system sends us, the child gets. */
static void forward_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, 0};
	for (int i = 0; numbers[i]; i++) {
		struct sigaction old, new = {.sa_handler = forward, .sa_flags = SA_RESTART};
		if (!sigaction(numbers[i], 0, &old) && old.sa_handler != SIG_IGN) sigaction(numbers[i], &new, 0);
	}
}

/* Whether a child runs the command, from now on. */
static int agree(int fd, const char *name, char **words)
{
	int32_t number;
	char ready;
	if (recv(fd, &number, sizeof number, MSG_WAITALL) != sizeof number || number <= 1) return 0;
	if (!hand_over(fd, name, words) || recv(fd, &ready, 1, 0) != 1) return 0;
	child = number;
	forward_signals();
	if (send(fd, "g", 1, MSG_NOSIGNAL) != 1) return forwarded; /* after a signal the command is not begun anew */
	/* The child says that it begins. If it ends without a word it has done nothing: it waited too long for us, or was killed. */
	struct timeval for_ever = {0};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof for_ever);
	ssize_t got;
	do got = recv(fd, &ready, 1, 0);
	while (got < 0 && errno == EINTR);
	return got == 1 || forwarded;
}

/* As the child ended: with its exit status, or by the signal that must have ended it. */
static void end_alike(int fd)
{
	int32_t status;
	ssize_t got;
	do got = recv(fd, &status, sizeof status, MSG_WAITALL);
	while (got < 0 && errno == EINTR);
	if (got == sizeof status) _exit(status);
	int number = forwarded ? forwarded : SIGKILL;
	signal(number, SIG_DFL);
	raise(number);
	_exit(128 + number);
}

int main(int count, char **words)
{
	char *name = find_place();
	if (!name || !count) {
		dprintf(2, "condor: cannot find out where this command is installed: is /proc mounted?\n");
		return 127;
	}
	int fd = can_go(words + 1) ? reach(getenv("AWQ_WORKDIR")) : -1;
	if (fd < 0 || !agree(fd, name, words + 1)) {
		if (fd >= 0) close(fd); /* and with it goes whatever may have come of it */
		run_here(name, words);
	}
	end_alike(fd);
}
