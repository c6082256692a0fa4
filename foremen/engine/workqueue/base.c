/*
 * What the extension adds to libwork_queue, and what it puts in the place of some of its functions (build.py: _WRAPPED).
 * work_queue_enable_process_module and work_queue_broadcast_message are exported but declared in no installed header.
 */
#include <stdio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <work_queue.h>
#include <cctools.h>
#include <full_io.h>
#include <link.h>

void work_queue_enable_process_module(struct work_queue *q);
void work_queue_broadcast_message(struct work_queue *q, const char *message);
static int awq_errno;

/* The last errno with which an output could not be written, once; 0: none. */
static int awq_write_error(void)
{
	int last = awq_errno;
	awq_errno = 0;
	return last;
}

static void awq_remove(int fd)
{
	char link_name[64], path[4096];
	struct stat here, there;
	ssize_t length;
	snprintf(link_name, sizeof(link_name), "/proc/self/fd/%d", fd);
	length = readlink(link_name, path, sizeof(path) - 1);
	if (length <= 0) return;
	path[length] = 0;
	if (fstat(fd, &here) || lstat(path, &there) || !S_ISREG(here.st_mode)) return;
	if (here.st_ino == there.st_ino && here.st_dev == there.st_dev) unlink(path);
}

int64_t __wrap_link_stream_to_fd(struct link *link, int fd, int64_t length, time_t stoptime)
{
	char buffer[65536];
	int64_t total = 0;
	int failed = 0;
	while (total < length) {
		int64_t left = length - total;
		ssize_t n = link_read(link, buffer, left < (int64_t)sizeof(buffer) ? left : (int64_t)sizeof(buffer), stoptime);
		if (n <= 0) break;
		if (!failed && full_write(fd, buffer, n) != n) failed = errno ? errno : EIO;
		total += n;
	}
	if (failed) {
		awq_errno = failed;
		awq_remove(fd);
	}
	return total;
}

/*
 * The library opens an output with mode 0777, waits for the reader of a FIFO, and empties whatever there is. A path of a job may
 * be anything, also since it was checked: only a regular file is emptied, and /dev/null is written to. HTCondor's mode is 0666.
 */
int __real_open(const char *path, int flags, ...);

static int awq_open_output(const char *path, int flags)
{
	struct stat found;
	int fd = __real_open(path, (flags & ~O_TRUNC) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
	if (fd >= 0 && !fstat(fd, &found)) {
		if (S_ISREG(found.st_mode)) {
			if (!found.st_size || !ftruncate(fd, 0)) return fd; /* of a new file it would cost a transaction of the disk */
		} else {
			if (S_ISCHR(found.st_mode) && found.st_rdev == makedev(1, 3)) return fd;
			errno = EINVAL;
		}
	}
	awq_errno = errno;
	if (fd >= 0) close(fd);
	errno = awq_errno;
	return -1;
}

int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	if (flags & O_CREAT) {
		va_list more;
		va_start(more, flags);
		mode = va_arg(more, mode_t);
		va_end(more);
	}
	if ((flags & (O_ACCMODE | O_CREAT | O_TRUNC)) == (O_WRONLY | O_CREAT | O_TRUNC)) return awq_open_output(path, flags);
	return __real_open(path, flags, mode);
}

/* The library refuses without reading the file, which spoils the connection: let it write until it cannot. */
int __wrap_check_disk_space_for_filesize(char *path, int64_t size, uint64_t threshold)
{
	(void)path; (void)size; (void)threshold;
	return 1;
}

/* Bytes for one worker that are held; how long the library would wait for them to go. */
static struct link *awq_link;
static char awq_held[65536];
static size_t awq_length;
static time_t awq_stoptime;

ssize_t __real_link_putlstring(struct link *link, const char *data, size_t length, time_t stoptime);
ssize_t __real_link_write(struct link *link, const char *data, size_t length, time_t stoptime);
int64_t __real_link_stream_from_fd(struct link *link, int fd, int64_t length, time_t stoptime);
int __real_link_readline(struct link *link, char *line, size_t length, time_t stoptime);
ssize_t __real_link_read(struct link *link, char *data, size_t length, time_t stoptime);
int64_t __real_link_soak(struct link *link, int64_t length, time_t stoptime);
int __real_link_usleep(struct link *link, int usec, int reading, int writing);
void __real_link_close(struct link *link);

/* Send what is held. When it cannot be sent, the connection is ended, for half a message spoils it: the library sees its end. */
static int awq_flush(void)
{
	struct link *link = awq_link;
	ssize_t length = awq_length;
	awq_link = 0;
	awq_length = 0;
	if (!length || __real_link_putlstring(link, awq_held, length, awq_stoptime) == length) return 1;
	shutdown(link_fd(link), SHUT_RDWR);
	return 0;
}

/* Where so many more bytes for the link can be put; 0 when they are too many, or what was held for it could not be sent. */
static char *awq_room(struct link *link, int64_t length, time_t stoptime)
{
	if (link != awq_link) awq_flush();
	else if (length > (int64_t)(sizeof(awq_held) - awq_length) && !awq_flush()) return 0;
	if (length < 0 || length > (int64_t)sizeof(awq_held)) {
		awq_flush();
		return 0;
	}
	awq_link = link;
	awq_stoptime = stoptime;
	return awq_held + awq_length;
}

static int awq_hold(struct link *link, const char *data, size_t length, time_t stoptime)
{
	char *room = awq_room(link, length, stoptime);
	if (!room) return 0;
	memcpy(room, data, length);
	awq_length += length;
	return 1;
}

/*
 * Foremen of protocol 11 remove only what their cache knows, and outputs that they fetched are not in it: they would fill the
 * foreman's disk. Before "unlink NAME" such a foreman is told "puturl x NAME", which makes the name known and fetches nothing.
 */
static char awq_forgetful[1 << 16]; /* by descriptor: a foreman of protocol 11 or later */

static char *awq_is_forgetful(struct link *link)
{
	int fd = link_fd(link);
	return fd >= 0 && fd < (int)sizeof(awq_forgetful) ? &awq_forgetful[fd] : 0;
}

static void awq_hear(struct link *link, const char *line)
{
	int protocol, end = 0;
	char *known = *line == 'w' ? awq_is_forgetful(link) : 0; /* sscanf looks at the whole line first */
	if (known && sscanf(line, "workqueue %d %*s foreman %n", &protocol, &end) == 1 && end) *known = protocol >= 11;
}

static void awq_tell(struct link *link, const char *data, size_t length, time_t stoptime)
{
	static const char remove[] = "unlink ";
	const size_t head = sizeof(remove) - 1;
	char *known, *message;
	int size;
	if (length < head + 2 || memcmp(data, remove, head) || data[length - 1] != '\n') return;
	known = awq_is_forgetful(link);
	if (!known || !*known) return;
	size = asprintf(&message, "puturl x %.*s 0 600\n", (int)(length - head - 1), data + head);
	if (size < 0) return;
	if (!awq_hold(link, message, size, stoptime)) __real_link_putlstring(link, message, size, stoptime);
	free(message);
}

ssize_t __wrap_link_putlstring(struct link *link, const char *data, size_t length, time_t stoptime)
{
	awq_tell(link, data, length, stoptime);
	if (awq_hold(link, data, length, stoptime)) return length;
	return __real_link_putlstring(link, data, length, stoptime);
}

ssize_t __wrap_link_write(struct link *link, const char *data, size_t length, time_t stoptime)
{
	if (awq_hold(link, data, length, stoptime)) return length;
	return __real_link_write(link, data, length, stoptime);
}

int64_t __wrap_link_stream_from_fd(struct link *link, int fd, int64_t length, time_t stoptime)
{
	ssize_t got;
	char *room = awq_room(link, length, stoptime);
	if (!room) return __real_link_stream_from_fd(link, fd, length, stoptime);
	got = full_read(fd, room, length);
	if (got > 0) awq_length += got;
	return got < 0 ? 0 : got;
}

int __wrap_link_readline(struct link *link, char *line, size_t length, time_t stoptime)
{
	int heard;
	awq_flush();
	heard = __real_link_readline(link, line, length, stoptime);
	if (heard) awq_hear(link, line);
	return heard;
}

ssize_t __wrap_link_read(struct link *link, char *data, size_t length, time_t stoptime)
{
	awq_flush();
	return __real_link_read(link, data, length, stoptime);
}

int64_t __wrap_link_soak(struct link *link, int64_t length, time_t stoptime)
{
	awq_flush();
	return __real_link_soak(link, length, stoptime);
}

int __wrap_link_usleep(struct link *link, int usec, int reading, int writing)
{
	awq_flush();
	return __real_link_usleep(link, usec, reading, writing);
}

void __wrap_link_close(struct link *link)
{
	char *known = link ? awq_is_forgetful(link) : 0;
	if (known) *known = 0;
	awq_flush();
	__real_link_close(link);
}

/* The version that the library prints, without the program's name. */
static void awq_version(char *text, size_t size)
{
	char *printed = 0, *version;
	size_t length = 0;
	FILE *stream = open_memstream(&printed, &length);
	*text = 0;
	if (!stream) return;
	cctools_version_print(stream, "");
	fclose(stream);
	version = printed ? strstr(printed, "version ") : 0;
	if (version) snprintf(text, size, "%s", version + strlen("version "));
	free(printed);
}

const char *awq_stamp(void) { return "@STAMP@"; }
