/*
 * Connections that the acceptor (foremen/acceptor) has let in reach a Work Queue manager through its gate, and through nothing else.
 *
 * The gate is one end of a pair of UNIX sockets. It takes the place of the TCP socket on which the library wants to listen:
 * the manager itself listens nowhere. A message in the gate carries descriptors; one without is a ping, which is answered.
 *
 * The file is used twice. The engine links it (--wrap=bind, ...): its connections need no password any more. A foreman is a
 * program of CCTools that insists on its password exchange: for it this is a library for LD_PRELOAD (AWQ_PRELOAD). Its connections
 * come with a second descriptor. The exchange is made with the acceptor on the first; when the acceptor has closed
 * its end, the second, the connection itself, takes its place.
 *
 * accept() must not fail: link_accept() (CCTools, link.c) would wait five seconds for the next connection. After a ping it returns
 * a descriptor without a peer, which the manager closes without a word.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef AWQ_PRELOAD
#define OURS(name) name
#define REAL(name, ...) syscall(SYS_##name, __VA_ARGS__)
#else
#define OURS(name) __wrap_##name
#define REAL(name, ...) __real_##name(__VA_ARGS__)
int __real_bind(int fd, const struct sockaddr *address, socklen_t length);
int __real_listen(int fd, int backlog);
int __real_accept(int fd, struct sockaddr *address, socklen_t *length);
int __real_getsockname(int fd, struct sockaddr *address, socklen_t *length);
#endif

static int awq_gate = -1;     /* the other end is the acceptor's */
static int awq_listener = -1; /* the acceptor's listening socket: which address and port the manager seems to have */
static int awq_bound = -1;    /* the library's descriptor that became the gate */

/* The acceptor has died: its end would be readable for ever. What runs goes on, nobody comes in. */
static void awq_shut(void)
{
	int silent = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (silent < 0) return;
	dup3(silent, awq_bound, O_CLOEXEC);
	close(silent);
}

static int awq_nobody(void) { return open("/dev/null", O_RDWR | O_CLOEXEC); }

/* The descriptors of the next message, how many there are; 0: it was a ping; -1: there is none. */
static int awq_receive(int *descriptors, int most)
{
	union { struct cmsghdr align; char room[CMSG_SPACE(2 * sizeof(int))]; } control;
	char byte;
	struct iovec word = {&byte, 1};
	struct msghdr message = {.msg_iov = &word, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
	struct cmsghdr *part;
	int count = 0;
	ssize_t got = recvmsg(awq_bound, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (!got) awq_shut();
	if (got <= 0) return -1;
	part = CMSG_FIRSTHDR(&message);
	if (part && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
		count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (count > most) count = most;
		memcpy(descriptors, CMSG_DATA(part), count * sizeof(int));
	}
	if (!count) send(awq_bound, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return count;
}

int OURS(bind)(int fd, const struct sockaddr *address, socklen_t length)
{
	int kind = 0;
	socklen_t size = sizeof(kind);
	if (awq_gate < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size) || kind != SOCK_STREAM)
		return REAL(bind, fd, address, length);
	if (awq_bound >= 0) { /* a manager has one port, and no connection may come in beside it */
		errno = EADDRINUSE;
		return -1;
	}
	if (dup3(awq_gate, fd, O_CLOEXEC) < 0) return -1;
	awq_bound = fd;
	return 0;
}

int OURS(listen)(int fd, int backlog)
{
	return fd == awq_bound ? 0 : REAL(listen, fd, backlog);
}

int OURS(getsockname)(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
	return REAL(getsockname, fd == awq_bound ? awq_listener : fd, address, length);
}

#ifndef AWQ_PRELOAD

int OURS(accept)(int fd, struct sockaddr *address, socklen_t *length)
{
	int connection;
	if (fd != awq_bound) return REAL(accept, fd, address, length);
	if (awq_receive(&connection, 1) == 1) return connection;
	return awq_nobody();
}

/* Listen through the gate from the next bind() on; ``listener`` is whose address is told. */
static void awq_use_gate(int gate, int listener)
{
	awq_gate = gate;
	awq_listener = listener;
}

/* The descriptor that is readable when somebody comes in; -1: the library has not used the gate. */
static int awq_gate_used(void) { return awq_bound; }

#else

#define MOST 65536
static const char stamp[] = AWQ_STAMP "\n";
static int awq_behind[MOST]; /* by descriptor: the connection behind it, plus 1; 0: none */

/* AWQ_GATE is GATE,LISTENER. Programs that the foreman starts are not to have this: LD_PRELOAD is what it was, without its first word. */
__attribute__((constructor)) static void awq_begin(void)
{
	const char *preload = getenv("LD_PRELOAD"), *gate = getenv("AWQ_GATE"), *comma = gate ? strchr(gate, ',') : 0;
	const char *rest = preload ? strpbrk(preload, " :") : 0;
	if (getenv("AWQ_GATE_STAMP")) _exit(write(1, stamp, sizeof(stamp) - 1) < 0);
	if (!comma) _exit(125); /* never listen without it */
	awq_gate = atoi(gate);
	awq_listener = atoi(comma + 1);
	if (rest && rest[1]) setenv("LD_PRELOAD", rest + 1, 1);
	else unsetenv("LD_PRELOAD");
	unsetenv("AWQ_GATE");
}

static int behind(int fd) { return fd >= 0 && fd < MOST ? awq_behind[fd] - 1 : -1; }

int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
	int both[2] = {-1, -1};
	if (fd != awq_bound || awq_bound < 0) return syscall(SYS_accept4, fd, address, length, 0);
	if (awq_receive(both, 2) == 2 && both[0] < MOST) {
		awq_behind[both[0]] = both[1] + 1;
		return both[0];
	}
	if (both[0] >= 0) syscall(SYS_close, both[0]);
	if (both[1] >= 0) syscall(SYS_close, both[1]);
	return awq_nobody();
}

ssize_t read(int fd, void *data, size_t size)
{
	int connection = behind(fd);
	ssize_t got = syscall(SYS_read, fd, data, size);
	if (got || connection < 0 || !size) return got;
	awq_behind[fd] = 0;
	if (dup3(connection, fd, O_CLOEXEC) < 0) return 0;
	syscall(SYS_close, connection);
	return syscall(SYS_read, fd, data, size);
}

int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
	int connection = behind(fd);
	return syscall(SYS_getpeername, connection < 0 ? fd : connection, address, length);
}

int close(int fd)
{
	int connection = behind(fd);
	if (connection >= 0) {
		awq_behind[fd] = 0;
		syscall(SYS_close, connection);
	}
	return syscall(SYS_close, fd);
}

#endif
