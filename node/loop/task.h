/*
 * task.h - a piece of work that is handed between threads. The caller embeds it, so that handing
 * over never needs memory and never fails; use CONTAINER_OF to get back to the job.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct task;
/*
 * Called exactly once for each hand-over. `dropped`: the loop, pool or serial was stopped or
 * cancelled first; release what the task holds and do nothing else. The task may be freed or
 * handed over again from here.
 */
typedef void (*task_fn)(struct task *t, bool dropped);

struct task {
	struct task *next;
	task_fn run;
};

/* First in, first out. Zero is empty. Not thread-safe by itself. */
struct task_list {
	struct task *head, *tail;
	size_t n;
};

static inline void task_list_add(struct task_list *l, struct task *t)
{
	t->next = NULL;
	if (l->tail)
		l->tail->next = t;
	else
		l->head = t;
	l->tail = t;
	l->n++;
}

static inline struct task *task_list_pop(struct task_list *l)
{
	struct task *t = l->head;

	if (t) {
		l->head = t->next;
		if (!l->head)
			l->tail = NULL;
		l->n--;
		t->next = NULL;
	}
	return t;
}
