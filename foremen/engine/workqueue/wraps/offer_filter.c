/*
 * Which waiting tasks are offered, and when.
 *
 * In every pass of work_queue_wait() the library hears one line of each worker, and then holds each waiting task against each worker, which
 * costs a hundred times as much. A pass in which somebody speaks after an offer in vain, or that is for listening only, finds its list of
 * waiting tasks empty. And when nobody has room for a task, the others that ask for the same are passed over: a queue
 * has few kinds of tasks.
 */
#include <list.h>
#include <rmsummary.h>

int __real_link_poll(struct link_info *links, int count, int msec);
/* Weak: a library without these lists offers everything in every pass. */
void __attribute__((weak)) __real_cctools_list_push_priority(struct list *list, list_priority_t priority, void *item);
void __attribute__((weak)) __real_cctools_list_first_item(struct list *list);
void *__attribute__((weak)) __real_cctools_list_next_item(struct list *list);

/* Whether to offer at all, whether nobody took one last time, whether not to in this pass, for how many passes that has gone on, whether
 * somebody spoke. */
enum { AWQ_MOST_UNOFFERED = 32 };
static int awq_offers = 1, awq_fruitless, awq_withheld, awq_unoffered, awq_heard;

/* The waiting tasks; the one that is being held against the workers; one of each kind for which none of them had room. */
enum { AWQ_MOST_KINDS = 32 };
static struct list *awq_waiting;
static struct work_queue_task *awq_offered, *awq_refused[AWQ_MOST_KINDS];
static int awq_kinds;

static void awq_offer(int yes) { awq_offers = yes; }

/* Whether a worker or foreman spoke in the last pass: it may have said more, which the library has read already. */
static int awq_spoken(void) { return awq_heard; }

int __wrap_link_poll(struct link_info *links, int count, int msec)
{
	int result, i;
	awq_flush();
	awq_asks = awq_waits;
	result = __real_link_poll(links, count, msec);
	awq_heard = 0;
	for (i = 1; i < count && result > 0 && !awq_heard; i++) awq_heard = links[i].revents != 0; /* the first is where they come */
	awq_withheld = !awq_offers || (awq_heard && awq_fruitless && awq_unoffered < AWQ_MOST_UNOFFERED);
	awq_unoffered = awq_withheld ? awq_unoffered + 1 : 0;
	return result;
}

/* Its one use is for the waiting tasks. */
void __wrap_cctools_list_push_priority(struct list *list, list_priority_t priority, void *item)
{
	awq_waiting = list;
	__real_cctools_list_push_priority(list, priority, item);
}

static int awq_same_kind(const struct work_queue_task *one, const struct work_queue_task *other)
{
	const struct rmsummary *a = one->resources_requested, *b = other->resources_requested;
	return a->cores == b->cores && a->memory == b->memory && a->disk == b->disk && a->gpus == b->gpus &&
		one->resource_request == other->resource_request;
}

static int awq_is_refused(const struct work_queue_task *task)
{
	int i;
	for (i = 0; i < awq_kinds; i++)
		if (awq_same_kind(awq_refused[i], task)) return 1;
	return 0;
}

void __wrap_cctools_list_first_item(struct list *list)
{
	if (list == awq_waiting) {
		awq_kinds = 0;
		awq_offered = 0;
	}
	__real_cctools_list_first_item(list);
}

void *__wrap_cctools_list_next_item(struct list *list)
{
	struct work_queue_task *task;
	if (list != awq_waiting) return __real_cctools_list_next_item(list);
	if (awq_withheld) {
		awq_withheld = 0; /* for once: who asks next in this pass does not offer, he counts */
		return 0;
	}
	if (awq_offered && awq_kinds < AWQ_MOST_KINDS) awq_refused[awq_kinds++] = awq_offered;
	do task = __real_cctools_list_next_item(list);
	while (task && awq_waits && awq_is_refused(task));
	awq_offered = task;
	awq_fruitless = !task;
	return task;
}
