/*
 * Put before the C library of a worker (LD_PRELOAD): what work_queue_worker gives to /bin/sh only to have it become the starter, becomes
 * the starter at once. Every other program it starts as before, each as the leader of a process group: the worker makes it one
 * too, but mostly too late (foremen/pilot/launch_script.py).
 *
 * The worker runs a task by execl("/bin/sh", "sh", "-c", COMMAND) in the child (work_queue_process.c of 8.0.0). Only functions that every
 * C library has had for long are used, and none is looked up: it loads wherever it says its stamp.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char stamp[] = AWQ_STAMP "\n";
static const char first_line[] = AWQ_FIRST_LINE; /* of a plain pilot's command */

/* Programs that the worker starts are not to have this: LD_PRELOAD is what it was, without its first word. */
__attribute__((constructor)) static void begin(void)
{
	const char *preload = getenv("LD_PRELOAD");
	const char *rest = preload ? strpbrk(preload, " :") : 0;
	if (getenv("AWQ_SHORTCUT_STAMP")) _exit(write(1, stamp, sizeof(stamp) - 1) < 0);
	if (rest && rest[1]) setenv("LD_PRELOAD", rest + 1, 1);
	else unsetenv("LD_PRELOAD");
}

static void become_the_starter(char **words)
{
	char *alone[] = {getenv("AWQ_STARTER2"), 0};
	if (strcmp(words[1], "-c") || strncmp(words[2], first_line, sizeof(first_line) - 1) || !alone[0] || !*alone[0]) return;
	execve(alone[0], alone, environ);
}

int execl(const char *path, const char *word, ...)
{
	int count = 1, at;
	va_list more;
	va_start(more, word);
	while (va_arg(more, char *)) count++;
	va_end(more);
	char *words[count + 1];
	words[0] = (char *)word;
	va_start(more, word);
	for (at = 1; at <= count; at++) words[at] = va_arg(more, char *);
	va_end(more);
	setpgid(0, 0);
	if (count == 3) become_the_starter(words);
	return execve(path, words, environ);
}
