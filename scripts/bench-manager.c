/* A bare Work Queue manager: the baseline of the bench.
 *
 * Without CORES it runs COUNT pilots as the engine would (a script in, its log out) with WINDOW of them waiting, and prints
 * how many a second ended after the first one had, and its own CPU.
 * With CORES it waits until the workers have as many, prints "begin", submits COUNT pilots at once and goes on serving them
 * until it is killed: for pilots that stay.
 *
 * cc -O2 -Wl,--wrap=bind -I/usr/include/cctools bench-manager.c -lwork_queue -lbatch_job -lchirp -ldttools -lm -lz -lssl -lcrypto
 * bench-manager PORT COUNT WINDOW SCRIPT LOG-FOLDER PASSWORD-FILE [CORES]
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <work_queue.h>

int __real_bind(int fd, const struct sockaddr *address, socklen_t length);

/* The library listens on every interface: ours stays on the loopback. */
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_storage own = {0};
	if (length > sizeof(own)) return __real_bind(fd, address, length);
	memcpy(&own, address, length);
	if (own.ss_family == AF_INET) ((struct sockaddr_in *)&own)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (own.ss_family == AF_INET6) memcpy(&((struct sockaddr_in6 *)&own)->sin6_addr, "\0\0\0\0\0\0\0\0\0\0\377\377\177\0\0\1", 16);
	return __real_bind(fd, (struct sockaddr *)&own, length);
}

static double now(void)
{
	struct timeval t;
	gettimeofday(&t, 0);
	return t.tv_sec + t.tv_usec / 1e6;
}

static double cpu(void)
{
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void submit(struct work_queue *q, const char *script, const char *folder, int number)
{
	char log[4096];
	struct work_queue_task *t = work_queue_task_create("./agent.sh > log 2>&1");
	snprintf(log, sizeof(log), "%s/%d.log", folder, number);
	work_queue_task_specify_file(t, script, "agent.sh", WORK_QUEUE_INPUT, WORK_QUEUE_NOCACHE);
	work_queue_task_specify_file(t, log, "log", WORK_QUEUE_OUTPUT, WORK_QUEUE_NOCACHE);
	work_queue_task_specify_cores(t, 1);
	work_queue_task_specify_memory(t, 128);
	work_queue_task_specify_disk(t, 1);
	work_queue_submit(q, t);
}

static int run(struct work_queue *q, int count, int window, char **argv)
{
	int submitted = 0, ended = 0, failed = 0, waiting = 0;
	double begin = 0, used = 0;
	struct work_queue_stats stats;
	submit(q, argv[4], argv[5], submitted++);
	while (ended < count) {
		struct work_queue_task *t = work_queue_wait(q, 5);
		if (t) {
			if (ended++ == 0) begin = now(), used = cpu();
			if (t->result || t->return_status) failed++;
			work_queue_task_delete(t);
		}
		if (!ended) continue;
		work_queue_get_stats(q, &stats);
		for (waiting = stats.tasks_waiting; waiting < window && submitted < count; waiting++)
			submit(q, argv[4], argv[5], submitted++);
	}
	double spent = now() - begin;
	used = cpu() - used;
	printf("tasks %d seconds %.3f cpu %.3f failed %d\n", count - 1, spent, used, failed);
	return failed != 0;
}

static void hold(struct work_queue *q, int count, int cores, char **argv)
{
	int number;
	struct work_queue_stats stats = {0};
	while (stats.total_cores < cores) {
		work_queue_wait(q, 1);
		work_queue_get_stats(q, &stats);
	}
	puts("begin");
	fflush(stdout);
	for (number = 0; number < count; number++)
		submit(q, argv[4], argv[5], number);
	for (;;)
		work_queue_wait(q, 5);
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fprintf(stderr, "usage: %s PORT COUNT WINDOW SCRIPT LOG-FOLDER PASSWORD-FILE [CORES]\n", argv[0]);
		return 2;
	}
	struct work_queue *q = work_queue_create(atoi(argv[1]));
	if (!q) {
		fprintf(stderr, "cannot listen on port %s\n", argv[1]);
		return 1;
	}
	if (!work_queue_specify_password_file(q, argv[6])) {
		fprintf(stderr, "cannot read %s\n", argv[6]);
		return 1;
	}
	if (argc > 7) hold(q, atoi(argv[2]), atoi(argv[7]), argv);
	int status = run(q, atoi(argv[2]), atoi(argv[3]), argv);
	work_queue_delete(q);
	return status;
}
