/*
 * The wheel: rings of nodes, one a second modulo WHEEL_SLOTS. A node due
 * more than a turn ahead is looked at once a turn, which is cheap at 64.
 */
#include "wsd/wheel.h"

#include <stddef.h>

static void
ring_init(struct wheel_node *head)
{
	head->next = head;
	head->prev = head;
}

static void
ring_insert(struct wheel_node *head, struct wheel_node *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

void
wheel_init(struct wheel *w, int64_t now_s)
{
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		ring_init(&w->slots[i]);
	w->now_s = now_s;
}

void
wheel_add(struct wheel *w, struct wheel_node *n, int64_t due_s)
{
	if (due_s <= w->now_s)
		due_s = w->now_s + 1;
	n->due_s = due_s;
	ring_insert(&w->slots[(uint64_t)due_s % WHEEL_SLOTS], n);
}

void
wheel_remove(struct wheel_node *n)
{
	if (n->next == NULL)
		return;
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = NULL;
	n->prev = NULL;
}

static void
advance_slot(
    struct wheel *w, struct wheel_node *slot, wheel_due *due, void *arg)
{
	struct wheel_node later;

	/* One by one off the head, since due may remove any of them; those
	 * of a later turn wait aside until the slot is empty. */
	ring_init(&later);
	while (slot->next != slot) {
		struct wheel_node *n = slot->next;
		wheel_remove(n);
		if (n->due_s > w->now_s)
			ring_insert(&later, n);
		else
			due(arg, n);
	}
	while (later.next != &later) {
		struct wheel_node *n = later.next;
		wheel_remove(n);
		ring_insert(slot, n);
	}
}

void
wheel_advance(struct wheel *w, int64_t now_s, wheel_due *due, void *arg)
{
	/* After a long sleep one turn sees every slot. */
	if (now_s - w->now_s > WHEEL_SLOTS)
		w->now_s = now_s - WHEEL_SLOTS;
	while (w->now_s < now_s) {
		w->now_s++;
		struct wheel_node *slot =
		    &w->slots[(uint64_t)w->now_s % WHEEL_SLOTS];
		advance_slot(w, slot, due, arg);
	}
}
