/*
 * A growable byte buffer.
 *
 * Failure is sticky: after one allocation failed, every later append is
 * refused and has_failed stays set until buf_reset(), so a caller that
 * builds a whole answer checks once, at its end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* len bytes and a NUL behind them; NULL while empty */
	size_t len;
	size_t cap;
	bool has_failed;
};

#define BUF_INIT                  \
	{                         \
		NULL, 0, 0, false \
	}

void buf_init(struct buf *b);

/* Frees the memory and leaves an empty, usable buffer. */
void buf_fini(struct buf *b);

/* Empties without freeing and clears has_failed. */
void buf_reset(struct buf *b);

/* Makes room for n more bytes. 0, or -1 with has_failed set. */
int buf_reserve(struct buf *b, size_t n);

/* Each appends and keeps the NUL behind the end. 0, or -1 (has_failed). */
int buf_append(struct buf *b, const void *bytes, size_t n);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Drops the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);

/* The content as a C string; "" while empty. Valid until the next append. */
const char *buf_str(const struct buf *b);

#endif
