/*
 * What a task's shell becomes on a node that has it: starts a plain pilot and reports its end, as the launch script does
 * (foremen/pilot/launch_script.py), without a second shell, without a fork of a shell, and with the pilot's own signal and memory.
 *
 * It reads the beginning of the launch script, $AWQ_LAUNCH: assignments as shlex.quote() writes them, then `set --` with the
 * words of the pilot. Whatever is not plain (a closed worker, single-task mode, a beginning that it does not know) it leaves to
 * the script itself, and when that has come to its pilot, `starter --run WORDS` measures it. Standard C and POSIX; linked statically, so that it starts in a quarter of a shell's time.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char stamp[] = AWQ_STAMP;

/* What the launch script is told, and what the pilot is not: ours is none of its business. */
enum fact { JOB_AD, JOB_ID, CPUS, MEMORY, DISK, IN, OUT, ERR, FACTS };
static const char *const fact_names[FACTS] = {
	"AWQ_JOB_AD", "AWQ_JOB_ID", "AWQ_CPUS", "AWQ_MEMORY", "AWQ_DISK", "awq_in", "awq_out", "awq_err"};
static const char *const hidden[] = {"AWQ_LAUNCH", "AWQ_STARTER2", "AWQ_WORKER_STATE", "AWQ_SINGLETASK", "AWQ_BOOTED", "AWQ_THREADS", 0};

/* What tells programs how many threads to start: the job's cores, unless the job says otherwise (starter.py has them too). */
static const char *const threads[] = {
	"CUBACORES", "GOMAXPROCS", "JULIA_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS",
	"OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "PYTHON_CPU_COUNT", "ROOT_MAX_THREADS", "TF_LOOP_PARALLEL_ITERATIONS",
	"TF_NUM_THREADS", 0};

static const char *facts[FACTS];
static char **words;
static char host[256] = "unknown";

/* The launch script itself, by the shell. */
static void leave_it_to_the_script(void)
{
	execl("/bin/sh", "sh", "-c", "eval \"$AWQ_LAUNCH\"", (char *)0);
	_exit(126);
}

static void *room(size_t size)
{
	void *found = malloc(size);
	if (!found) leave_it_to_the_script();
	return found;
}

static char *joined(const char *first, const char *second)
{
	size_t length = strlen(first);
	char *text = room(length + strlen(second) + 1);
	memcpy(text, first, length);
	strcpy(text + length, second);
	return text;
}

/* Variables that were too long for Work Queue, put together as the script does it (foremen/pilot/long_variables.py): AWQ_PIECES has the name and
 * the number of pieces of each; the first one's are in AWQ_PIECE_0_0, AWQ_PIECE_0_1 and so on. */
static void join_pieces(void)
{
	char *list = getenv("AWQ_PIECES"), *name, *count, *rest = 0;
	if (!list) return;
	list = joined(list, "");
	for (int number = 0; (name = strtok_r(number ? 0 : list, " ", &rest)) && (count = strtok_r(0, " ", &rest)); number++) {
		char *text = "";
		for (int at = 0; at < atoi(count); at++) {
			char piece[64];
			snprintf(piece, sizeof(piece), "AWQ_PIECE_%d_%d", number, at);
			text = joined(text, getenv(piece) ? getenv(piece) : "");
			unsetenv(piece);
		}
		setenv(name, text, 1);
	}
	unsetenv("AWQ_PIECES");
}

/* One word as shlex.quote() writes it, unquoted to *to; where it ends, or 0 when it is written in another way. */
static char *unquote(char *from, char **to)
{
	char *out = *to;
	while (*from && *from != ' ' && *from != '\n') {
		char quote = *from == '\'' || *from == '"' ? *from++ : 0;
		if (!quote) {
			if (!isalnum((unsigned char)*from) && !strchr("@%+=:,./-_", *from)) return 0;
			*out++ = *from++;
			continue;
		}
		for (; *from && *from != quote; from++) {
			if (quote == '"' && *from != '\'') return 0;
			*out++ = *from;
		}
		if (*from++ != quote) return 0;
	}
	*out++ = 0;
	*to = out;
	return from;
}

/* The beginning of the launch script: facts and words. Whether it is one that we know. */
static int read_launch(const char *text)
{
	size_t size = strlen(text), count = 0;
	char *from = joined(text, ""), *to = room(size + 1), *value;
	while (strncmp(from, "set -- ", 7) != 0) {
		char *equals = strchr(from, '=');
		int known = -1;
		if (!equals) return 0;
		for (int at = 0; at < FACTS; at++)
			if (strlen(fact_names[at]) == (size_t)(equals - from) && !strncmp(fact_names[at], from, equals - from)) known = at;
		value = to;
		if (known < 0 || !(from = unquote(equals + 1, &to)) || *from++ != '\n') return 0;
		facts[known] = value;
	}
	from += 6;
	for (const char *at = from; *at; at++) count += *at == ' '; /* there is one before each word */
	words = room((count + 2) * sizeof(*words));
	for (count = 0; *from == ' '; count++) {
		words[count] = to;
		if (!(from = unquote(from + 1, &to))) return 0;
	}
	words[count] = 0;
	if (!facts[ERR]) facts[ERR] = facts[OUT]; /* together */
	for (int at = 0; at < FACTS; at++)
		if (!facts[at]) return 0;
	return *from == '\n' && count && strchr(words[0], '/');
}

static int put(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t done = write(fd, text, length);
		if (done < 0 && errno == EINTR) continue;
		if (done <= 0) return 0;
		text += done;
		length -= done;
	}
	return 1;
}

/* A small file anew, or more of it. Whether all of it is there. */
static int save(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
	int done = fd >= 0 && put(fd, text, strlen(text));
	return fd >= 0 && !close(fd) && done;
}

static void save_in(const char *folder, const char *name, const char *text)
{
	char *path = joined(folder, name), *line = joined(text, "\n");
	save(path, line, O_TRUNC);
	free(line);
	free(path);
}

static void save_number(const char *folder, const char *name, long long number)
{
	char text[32];
	snprintf(text, sizeof(text), "%lld", number);
	save_in(folder, name, text);
}

/* A number as the launch script takes one: digits, no leading zero; 0 for anything else. */
static long long number(const char *text)
{
	size_t length = text ? strspn(text, "0123456789") : 0;
	return length && length < 16 && !text[length] && *text != '0' ? atoll(text) : 0;
}

/* The first line of folder/name as a number. */
static long long number_in(const char *folder, const char *name)
{
	char text[64] = "";
	char *path = joined(folder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0) close(fd);
	free(path);
	text[length > 0 ? length : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	return number(text);
}

static long long seconds_up(void)
{
	struct timespec now;
	return clock_gettime(CLOCK_BOOTTIME, &now) ? 0 : now.tv_sec;
}

/* HSF-TN-2016-02, in the temporary folder that the worker makes for the task: see the launch script. */
static const char *write_features(long long at)
{
	const char *machine = getenv("MACHINEFEATURES"), *folder = getenv("TMPDIR");
	struct stat found;
	if (!machine || !*machine || !folder || !strstr(folder, "/cctools-temp-t.")) return 0;
	if (stat(folder, &found) || !S_ISDIR(found.st_mode)) return 0;
	save_in(folder, "/allocated_cpu", facts[CPUS]);
	save_in(folder, "/job_id", facts[JOB_ID]);
	if (at) {
		long long end = number_in(machine, "/shutdowntime");
		save_number(folder, "/jobstart_secs", at);
		if (end > at) {
			save_number(folder, "/wall_limit_secs", end - at);
			save_number(folder, "/cpu_limit_secs", (end - at) * number(facts[CPUS]));
		}
	}
	return folder;
}

static int is_hidden(const char *entry)
{
	size_t length = strcspn(entry, "=");
	for (int at = 0; hidden[at]; at++)
		if (strlen(hidden[at]) == length && !strncmp(hidden[at], entry, length)) return 1;
	for (int at = 0; at < FACTS; at++)
		if (strlen(fact_names[at]) == length && !strncmp(fact_names[at], entry, length)) return 1;
	return 0;
}

static int is_set_to(const char *entry, char **ours)
{
	size_t length = strcspn(entry, "=") + 1;
	for (; *ours; ours++)
		if (!strncmp(*ours, entry, length)) return 1;
	return 0;
}

/* What the worker gave us without what is ours, and what HTCondor's starter sets. */
static char **environment(const char *here, const char *features)
{
	char *ours[32];
	size_t count = 0, total = 0;
	ours[count++] = joined("_CONDOR_SCRATCH_DIR=", here);
	ours[count++] = joined("_CONDOR_JOB_IWD=", here);
	ours[count++] = "_CONDOR_SLOT=slot1";
	ours[count++] = joined(joined("_CONDOR_JOB_AD=", here), "/.job.ad");
	ours[count++] = joined(joined("_CONDOR_MACHINE_AD=", here), "/.machine.ad");
	ours[count++] = joined("TMPDIR=", here);
	ours[count++] = joined("TMP=", here);
	ours[count++] = joined("TEMP=", here);
	ours[count++] = joined("PWD=", here);
	if (features) ours[count++] = joined("JOBFEATURES=", features);
	if (!getenv("BATCH_SYSTEM")) ours[count++] = "BATCH_SYSTEM=HTCondor";
	for (int at = 0; threads[at]; at++)
		if (!getenv(threads[at])) ours[count++] = joined(joined(threads[at], "="), facts[CPUS]);
	ours[count] = 0;
	while (environ[total]) total++;
	char **all = room((total + count + 1) * sizeof(*all)), **to = all;
	for (char **entry = environ; *entry; entry++)
		if (!is_hidden(*entry) && !is_set_to(*entry, ours)) *to++ = *entry;
	memcpy(to, ours, (count + 1) * sizeof(*to));
	return all;
}

/* The pilot's streams; an empty name is /dev/null, the same name twice is one file. Whether all are open. */
static int open_streams(int fds[3])
{
	const char *in = *facts[IN] ? facts[IN] : "/dev/null", *out = *facts[OUT] ? facts[OUT] : "/dev/null";
	const char *err = *facts[ERR] ? facts[ERR] : "/dev/null";
	fds[0] = open(in, O_RDONLY | O_CLOEXEC);
	fds[1] = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	fds[2] = strcmp(out, err) ? open(err, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : fds[1];
	return fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0;
}

static volatile int exec_error; /* of the child's execve(), whose memory is ours */
static char interpreter[256];

/* The errno with which the kernel would refuse a program, also when a wrapper starts it; 0: it would not, or we cannot tell. */
static int refused(const char *path)
{
	char head[sizeof(interpreter)], *word;
	int fd;
	ssize_t length;
	if (access(path, X_OK)) return errno;
	if ((fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0) return 0;
	length = read(fd, head, sizeof(head) - 1);
	close(fd);
	if (length < 2 || head[0] != '#' || head[1] != '!') return 0;
	head[length] = 0;
	word = head + 2 + strspn(head + 2, " \t");
	word[strcspn(word, " \t\n")] = 0;
	if (!access(word, X_OK)) return 0;
	strcpy(interpreter, word);
	return errno;
}

static int refused_program(void)
{
	const char *name = strrchr(words[0], '/');
	const char *program = name && !strcmp(name, "/awq_job_wrapper.sh") && words[1] ? words[1] : words[0];
	return strchr(program, '/') ? refused(program) : 0;
}

/* In the child, which shares our memory until it is another program. A name without a slash the shell looks for. */
static void become_the_pilot(char **env)
{
	if (strchr(words[0], '/')) {
		execve(words[0], words, env);
		exec_error = errno;
		_exit(126);
	}
	size_t count = 0;
	while (words[count]) count++;
	char *shell[count + 5];
	shell[0] = "sh";
	shell[1] = "-c";
	shell[2] = "exec \"$@\"";
	shell[3] = "sh";
	memcpy(shell + 4, words, (count + 1) * sizeof(*words));
	execve("/bin/sh", shell, env);
	_exit(126);
}

static void note_end(const char *state, int status, long long seconds)
{
	char line[128];
	char *path = joined(state, "/ends");
	snprintf(line, sizeof(line), "%d %lld %.60s\n", status, seconds, facts[JOB_ID] ? facts[JOB_ID] : "");
	save(path, line, O_APPEND);
	free(path);
}

static void report(int status, const struct rusage *used, int bounced)
{
	char text[1024];
	int length = snprintf(text, sizeof(text), "awq=1\nhost=%s\n", host);
	if (bounced)
		length += snprintf(text + length, sizeof(text) - length, "bounced=1\n");
	else if (WIFSIGNALED(status))
		length += snprintf(text + length, sizeof(text) - length, "signal=%d\n", WTERMSIG(status));
	else
		length += snprintf(text + length, sizeof(text) - length, "exit=%d\n", WEXITSTATUS(status));
	length += snprintf(text + length, sizeof(text) - length, "times=0m0s 0m0s\n%lldm%lld.%06lds %lldm%lld.%06lds\nrss=%ld\n",
		(long long)used->ru_utime.tv_sec / 60, (long long)used->ru_utime.tv_sec % 60, (long)used->ru_utime.tv_usec,
		(long long)used->ru_stime.tv_sec / 60, (long long)used->ru_stime.tv_sec % 60, (long)used->ru_stime.tv_usec,
		used->ru_maxrss);
	put(1, text, length);
}

/* The program itself cannot be started, here or elsewhere. */
static int report_refused(int error)
{
	printf("awq=1\nhost=%s\nunstarted=%d\ninterpreter=%s\n", host, error, interpreter);
	return 0;
}

/* Nothing could be started here; our own exit status, with which the report comes back. */
static int report_failure(void)
{
	printf("awq=1\nhost=%s\nfailed=1\n", host);
	return 0;
}

static void await(pid_t pilot, int *status, struct rusage *used)
{
	while (wait4(pilot, status, 0, used) != pilot)
		if (errno != EINTR) _exit(1);
}

static int start(const char *state, const char *here)
{
	char machine[1024];
	int fds[3], status = 0;
	struct rusage used;
	struct utsname node;
	long long booted = number(getenv("AWQ_BOOTED")), begun = seconds_up();
	umask(077);
	if (!uname(&node) && *node.nodename) snprintf(host, sizeof(host), "%s", node.nodename);
	snprintf(machine, sizeof(machine),
		"MyType = \"Machine\"\nMachine = \"%s\"\nName = \"slot1@%s\"\nCpus = %s\nMemory = %s\nDisk = %s\n",
		host, host, facts[CPUS], facts[MEMORY], facts[DISK]);
	if (!save(".job.ad", facts[JOB_AD], O_TRUNC) || !save(".machine.ad", machine, O_TRUNC)) {
		if (state) note_end(state, 1, 0);
		return report_failure();
	}
	char **env = environment(here, write_features(booted ? booted + begun : 0));
	umask(022);
	if (!open_streams(fds)) {
		if (state && booted) note_end(state, 2, 0);
		return report_failure();
	}
	int error = refused_program();
	if (error) return report_refused(error);
	pid_t pilot = vfork();
	if (!pilot) {
		for (int fd = 0; fd < 3; fd++) dup2(fds[fd], fd);
		become_the_pilot(env);
	}
	if (pilot < 0) return report_failure();
	for (int fd = 0; fd < 3; fd++) close(fds[fd]);
	await(pilot, &status, &used);
	if (exec_error) return report_refused(exec_error);
	int over = state && !access(joined(state, "/over"), F_OK);
	report(status, &used, over);
	if (state && booted && !over)
		note_end(state, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), seconds_up() - begun);
	return 0;
}

/* A pilot that the script starts: leave what memory it had at most, in KiB, in .awq_rss, and end as it did. */
static int run(void)
{
	const char *here = getenv("_CONDOR_SCRATCH_DIR");
	const int ours[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	const struct rlimit no_core = {0, 0};
	struct rusage used;
	int status, error = refused_program();
	void (*before[4])(int);
	pid_t pilot;
	if (error && here) save_number(here, "/.awq_unstarted", error);
	if (error) return 126;
	for (int at = 0; at < 4; at++) before[at] = signal(ours[at], SIG_IGN); /* they are for the pilot, which may want time */
	pilot = vfork();
	if (pilot <= 0) { /* unmeasured, when there is no process to be had */
		for (int at = 0; at < 4; at++) signal(ours[at], before[at]);
		become_the_pilot(environ);
	}
	await(pilot, &status, &used);
	if (here) save_number(here, "/.awq_rss", used.ru_maxrss);
	if (here && exec_error) save_number(here, "/.awq_unstarted", exec_error);
	if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
	if (here) save_number(here, "/.awq_signal", WTERMSIG(status)); /* shells do not tell each one from an exit status */
	setrlimit(RLIMIT_CORE, &no_core);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	const char *launch, *state = getenv("AWQ_WORKER_STATE"), *single = getenv("AWQ_SINGLETASK");
	char *here = getcwd(0, 0);
	if (argc > 1 && !strcmp(argv[1], "--stamp")) return puts(stamp) < 0;
	if (argc > 2 && !strcmp(argv[1], "--run")) return words = argv + 2, run();
	join_pieces();
	launch = getenv("AWQ_LAUNCH");
	if (!launch) return fputs("starter: runs the launch script in AWQ_LAUNCH, for a worker\n", stderr), 2;
	/* A group, not a session: Linux shares the CPU among sessions (autogroup), and each pilot would count as much as its worker. */
	setpgid(0, 0);
	if (state && !*state) state = 0;
	if (state && ((single && !strcmp(single, "1")) || !access(joined(state, "/closed"), F_OK))) leave_it_to_the_script();
	if (!here || !read_launch(launch)) leave_it_to_the_script();
	for (int fd = 3; fd < 64; fd++) close(fd); /* the worker's sockets: see the launch script */
	while (open("/dev/null", O_RDWR) < 3) continue; /* no stream of the pilot's is to be one of ours */
	close(3);
	return start(state, here);
}
