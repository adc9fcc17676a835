/*
 * The timing wheel against a clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/wheel.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NODES 200

struct timer {
	struct wheel_node node; /* first */
	int64_t due_s; /* expected; 0: not in */
	size_t fired;
};

struct world {
	struct wheel wheel;
	struct timer timers[NODES];
	int64_t again_s; /* added again so much later */
	struct timer *victim; /* removed when any fires */
};

static void
fire(void *arg, struct wheel_node *n)
{
	struct world *w = arg;
	struct timer *t = (struct timer *)n;

	assert_int_equal(t->due_s, w->wheel.now_s);
	assert_null(n->next);
	t->fired++;
	t->due_s = 0;
	if (w->again_s > 0) {
		t->due_s = w->wheel.now_s + w->again_s;
		wheel_add(&w->wheel, n, t->due_s);
	}
	if (w->victim != NULL) {
		wheel_remove(&w->victim->node);
		w->victim->due_s = 0;
	}
}

static void
add(struct world *w, size_t i, int64_t due_s)
{
	w->timers[i].due_s = due_s;
	wheel_add(&w->wheel, &w->timers[i].node, due_s);
}

static void
test_comes_due(void **state)
{
	struct world w = {.again_s = 0};

	(void)state;
	wheel_init(&w.wheel, 100);
	add(&w, 0, 101);
	add(&w, 1, 105);
	add(&w, 2, 105 + WHEEL_SLOTS); /* same slot, a turn later */
	add(&w, 3, 100 + 10 * WHEEL_SLOTS);
	wheel_advance(&w.wheel, 100, fire, &w);
	assert_int_equal(w.timers[0].fired, 0);
	wheel_advance(&w.wheel, 104, fire, &w);
	assert_int_equal(w.timers[0].fired, 1);
	assert_int_equal(w.timers[1].fired, 0);
	wheel_advance(&w.wheel, 105, fire, &w);
	assert_int_equal(w.timers[1].fired, 1);
	assert_int_equal(w.timers[2].fired, 0);
	for (int64_t s = 106; s < 100 + 10 * WHEEL_SLOTS; s++)
		wheel_advance(&w.wheel, s, fire, &w);
	assert_int_equal(w.timers[2].fired, 1);
	assert_int_equal(w.timers[3].fired, 0);
	wheel_advance(&w.wheel, 100 + 10 * WHEEL_SLOTS, fire, &w);
	assert_int_equal(w.timers[3].fired, 1);
}

static void
test_past_is_next(void **state)
{
	struct world w = {.again_s = 0};

	(void)state;
	wheel_init(&w.wheel, 100);
	add(&w, 0, 3);
	w.timers[0].due_s = 101;
	wheel_advance(&w.wheel, 101, fire, &w);
	assert_int_equal(w.timers[0].fired, 1);
}

static void
test_remove(void **state)
{
	struct world w = {.again_s = 0};

	(void)state;
	wheel_init(&w.wheel, 0);
	wheel_remove(&w.timers[0].node);
	add(&w, 0, 1);
	add(&w, 1, 1);
	add(&w, 2, 1);
	wheel_remove(&w.timers[1].node);
	wheel_remove(&w.timers[1].node);
	wheel_advance(&w.wheel, 5, fire, &w);
	assert_int_equal(w.timers[0].fired, 1);
	assert_int_equal(w.timers[1].fired, 0);
	assert_int_equal(w.timers[2].fired, 1);
}

static void
test_removed_while_due(void **state)
{
	struct world w = {.again_s = 0};

	(void)state;
	wheel_init(&w.wheel, 0);
	/* In the same slot: due now, and a turn later. */
	add(&w, 0, 1);
	add(&w, 1, 1);
	w.victim = &w.timers[1];
	wheel_advance(&w.wheel, 1, fire, &w);
	assert_int_equal(w.timers[0].fired, 1);
	assert_int_equal(w.timers[1].fired, 0);
	add(&w, 1, 2 + WHEEL_SLOTS);
	add(&w, 0, 2);
	for (int64_t s = 2; s < 5 + WHEEL_SLOTS; s++)
		wheel_advance(&w.wheel, s, fire, &w);
	assert_int_equal(w.timers[0].fired, 2);
	assert_int_equal(w.timers[1].fired, 0);
}

static void
test_every_turn(void **state)
{
	struct world w = {.again_s = WHEEL_SLOTS};

	(void)state;
	/* Added again into the slot that is being emptied. */
	wheel_init(&w.wheel, 0);
	for (size_t i = 0; i < NODES; i++)
		add(&w, i, 1 + (int64_t)(i % 7));
	for (int64_t s = 1; s <= 4 * WHEEL_SLOTS; s++)
		wheel_advance(&w.wheel, s, fire, &w);
	for (size_t i = 0; i < NODES; i++)
		assert_int_equal(w.timers[i].fired, 4);
}

static void
fire_late(void *arg, struct wheel_node *n)
{
	(void)arg;
	((struct timer *)n)->fired++;
}

static void
test_long_sleep(void **state)
{
	struct world w = {.again_s = 0};

	(void)state;
	wheel_init(&w.wheel, 0);
	for (size_t i = 0; i < NODES; i++)
		add(&w, i, 1 + (int64_t)i);
	wheel_advance(&w.wheel, 1000000, fire_late, &w);
	for (size_t i = 0; i < NODES; i++)
		assert_int_equal(w.timers[i].fired, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_comes_due),
	    cmocka_unit_test(test_past_is_next),
	    cmocka_unit_test(test_remove),
	    cmocka_unit_test(test_removed_while_due),
	    cmocka_unit_test(test_every_turn),
	    cmocka_unit_test(test_long_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
