/*
 * Passwords that are guessed first, wherever one guesses.
 */
#ifndef AUTH_PASSWORD_COMMON_H
#define AUTH_PASSWORD_COMMON_H

#include <stdbool.h>
#include <stddef.h>

/* Compared without regard to ASCII case; one character repeated counts too. */
bool password_is_common(const char *pw, size_t n);

#endif
