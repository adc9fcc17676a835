/*
 * The two halves of systemd's service protocol that the programs use:
 * sd_notify(3) datagrams and LISTEN_FDS (sd_listen_fds(3)), without the
 * library (it pulls 900 KB).
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

/*
 * Before a sandbox is entered in which no sockets can be made: what
 * notify_send needs, where $NOTIFY_SOCKET is set. 0, or -1 with errno.
 */
int notify_open(void);

/*
 * Sends a state such as "READY=1\nSTATUS=..." to $NOTIFY_SOCKET (path or
 * abstract). 0 sent, 1 no socket set, -1 with errno.
 */
int notify_send(const char *state);

/*
 * Half of $WATCHDOG_USEC in ms when it is meant for this process, else 0.
 */
int64_t notify_watchdog_ms(void);

#define NOTIFY_FD_FIRST 3

/*
 * How many descriptors systemd passed to this process, the first being
 * NOTIFY_FD_FIRST; sets FD_CLOEXEC on each and unsets the variables. 0 when
 * none or when LISTEN_PID is another process; -1 with errno EINVAL when the
 * variables are malformed.
 */
int notify_listen_fds(void);

#endif
