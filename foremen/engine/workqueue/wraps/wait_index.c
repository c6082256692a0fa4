/*
 * One task of each state, without looking for it.
 *
 * In every pass of work_queue_wait() the library goes through all tasks, twice, to find one that has ended: with ten thousand of them
 * three quarters of the engine's work. All that it asks there is whether a task in this state or that exists, and which. So
 * it is shown one task of each state, the one that has been in it for longest. Who counts, or reports, sees all of them.
 *
 * It keeps tasks and their states in two tables: id -> task, id -> state. Each is found out by a call that asks it and nothing else;
 * a library in which that finds nothing goes on as it is. It keeps the state of a task for ever: it leaves with the task.
 */
#include <itable.h>
#include <jx.h>
#include <rmsummary.h>

void __real_itable_firstkey(struct itable *table);
int __real_itable_nextkey(struct itable *table, UINT64_T *key, void **value);
void *__real_itable_lookup(struct itable *table, UINT64_T key);
int __real_itable_insert(struct itable *table, UINT64_T key, const void *value);
void *__real_itable_remove(struct itable *table, UINT64_T key);
struct jx *__real_jx_object(struct jx_pair *pairs);
struct jx *__real_jx_array(struct jx_item *items);
char *__real_rmsummary_print_string(const struct rmsummary *resources, int only);

/* A task, in the ring of those in its state. */
struct awq_node {
	struct awq_node *before, *after;
	UINT64_T id;
};

enum { AWQ_RINGS = WORK_QUEUE_TASK_CANCELED + 2 }; /* the last: any other state */
static struct awq_node awq_rings[AWQ_RINGS]; /* an empty one is its own neighbour */
static struct itable *awq_nodes, *awq_tasks, *awq_states; /* id -> node; the library's */
static struct itable **awq_finding;
static int awq_waits, awq_asks; /* whether the library is in its wait; whether it only asks for existence there */
static int awq_shown = -1; /* the ring to be shown next; below 0: the table itself is shown */

static void awq_leave(struct awq_node *node)
{
	node->before->after = node->after;
	node->after->before = node->before;
}

static void awq_enter(struct awq_node *node, struct awq_node *ring)
{
	node->before = ring->before;
	node->after = ring;
	ring->before->after = node;
	ring->before = node;
}

static void awq_is_in(UINT64_T id, uintptr_t state)
{
	struct awq_node *node = __real_itable_lookup(awq_nodes, id);
	if (node) {
		awq_leave(node);
	} else {
		node = malloc(sizeof(*node));
		if (!node || !__real_itable_insert(awq_nodes, id, node)) abort(); /* as the library does without memory */
		node->id = id;
	}
	awq_enter(node, &awq_rings[state < AWQ_RINGS - 1 ? state : AWQ_RINGS - 1]);
}

static void awq_forget(UINT64_T id)
{
	struct awq_node *node = __real_itable_remove(awq_nodes, id);
	if (node) awq_leave(node);
	free(node);
	__real_itable_remove(awq_states, id);
}

/* Find the tables of a queue that has no task yet, if this library has got both. */
static void awq_index(struct work_queue *queue)
{
	int i;
	struct itable *tasks = 0, *states = 0;
	awq_finding = &tasks;
	work_queue_empty(queue);
	awq_finding = &states;
	work_queue_task_state(queue, 0);
	awq_finding = 0;
	if (!tasks || !states || tasks == states || itable_size(tasks) || !(awq_nodes = itable_create(0))) return;
	for (i = 0; i < AWQ_RINGS; i++) awq_rings[i].before = awq_rings[i].after = &awq_rings[i];
	awq_tasks = tasks;
	awq_states = states;
}

/* work_queue_wait(), in which the library may be shown less than all. */
static struct work_queue_task *awq_wait(struct work_queue *queue, int seconds)
{
	struct work_queue_task *task;
	awq_waits = awq_asks = awq_tasks != 0;
	task = work_queue_wait(queue, seconds);
	awq_waits = awq_asks = 0;
	return task;
}

void __wrap_itable_firstkey(struct itable *table)
{
	if (awq_finding) *awq_finding = table;
	if (table == awq_tasks) awq_shown = awq_asks ? 0 : -1;
	__real_itable_firstkey(table);
}

int __wrap_itable_nextkey(struct itable *table, UINT64_T *key, void **value)
{
	if (table != awq_tasks || awq_shown < 0) return __real_itable_nextkey(table, key, value);
	while (awq_shown < AWQ_RINGS) {
		struct awq_node *ring = &awq_rings[awq_shown++];
		if (ring->after == ring) continue;
		*key = ring->after->id;
		*value = __real_itable_lookup(table, *key);
		return 1;
	}
	return 0;
}

void *__wrap_itable_lookup(struct itable *table, UINT64_T key)
{
	if (awq_finding) *awq_finding = table;
	return __real_itable_lookup(table, key);
}

int __wrap_itable_insert(struct itable *table, UINT64_T key, const void *value)
{
	if (table == awq_states) awq_is_in(key, (uintptr_t)value);
	return __real_itable_insert(table, key, value);
}

void *__wrap_itable_remove(struct itable *table, UINT64_T key)
{
	if (table == awq_tasks) awq_forget(key);
	return __real_itable_remove(table, key);
}

/* A report begins: to the catalog, or to somebody who asked for the state of the queue. It ends before the next poll. */
struct jx *__wrap_jx_object(struct jx_pair *pairs)
{
	awq_asks = 0;
	return __real_jx_object(pairs);
}

struct jx *__wrap_jx_array(struct jx_item *items)
{
	awq_asks = 0;
	return __real_jx_array(items);
}

/* This is none: a worker's resources, for the library's transaction log. */
char *__wrap_rmsummary_print_string(const struct rmsummary *resources, int only)
{
	int asks = awq_asks;
	char *text = __real_rmsummary_print_string(resources, only);
	awq_asks = asks;
	return text;
}
