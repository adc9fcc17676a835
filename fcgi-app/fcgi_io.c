/*
 * How it is done with libfcgi 2.4.2: FCGX_Accept_r reads from request.ipcFd
 * without accepting when that is open, and closes it first unless
 * keepConnection is set. listen_sock is -1, so that an error cannot make it
 * wait for a connection of its own.
 */
#include "fcgi-app/fcgi_io.h"

#include "auth/crypto.h"
#include "base/file.h"

#include <fcgiapp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct fcgi_io {
	int fd; /* the file in memory */
	FCGX_Request request;
};

struct fcgi_io *
fcgi_io_new(void)
{
	struct fcgi_io *io = calloc(1, sizeof(*io));

	if (io == NULL)
		return NULL;
	io->fd = memfd_create("request", MFD_CLOEXEC);
	if (io->fd == -1)
		goto err0;
	if (FCGX_Init() != 0 || FCGX_InitRequest(&io->request, -1, 0) != 0)
		goto err1;
	return io;

err1:
	close(io->fd);
err0:
	free(io);
	return NULL;
}

void
fcgi_io_free(struct fcgi_io *io)
{
	if (io == NULL)
		return;
	close(io->fd);
	free(io);
}

/* Empties the file; libfcgi's descriptor shares its position. */
static int
rewind_file(struct fcgi_io *io)
{
	if (ftruncate(io->fd, 0) == -1 || lseek(io->fd, 0, SEEK_SET) == -1)
		return -1;
	return 0;
}

/*
 * What has been read of libfcgi's own buffer, which it does not wipe and
 * frees. stopUnget is its beginning.
 */
static void
wipe_stream(FCGX_Stream *s)
{
	crypto_wipe(s->stopUnget, (size_t)(s->rdNext - s->stopUnget));
}

int
fcgi_io_begin(struct fcgi_io *io, const struct intake *in, char *const **params,
    struct buf *body)
{
	struct buf records = BUF_INIT;
	char part[4096];
	int n;

	/* No copy of a password shall be left by a buffer that grows. */
	buf_reserve(body, in->body.len);
	if (intake_put_records(in, &records) == -1 || rewind_file(io) == -1 ||
	    file_write_all(io->fd, records.data, records.len) == -1 ||
	    lseek(io->fd, 0, SEEK_SET) == -1)
		goto err0;
	io->request.ipcFd = dup(io->fd);
	if (io->request.ipcFd == -1)
		goto err0;
	io->request.keepConnection = 1;
	if (FCGX_Accept_r(&io->request) != 0)
		goto err0;
	*params = io->request.envp;
	while ((n = FCGX_GetStr(part, sizeof(part), io->request.in)) > 0)
		if (buf_append(body, part, (size_t)n) == -1)
			break;
	crypto_wipe(part, sizeof(part));
	wipe_stream(io->request.in);
	/* From here on the file takes the answer. */
	if (body->has_failed || rewind_file(io) == -1)
		goto err1;
	crypto_buf_fini(&records);
	return 0;

err1:
	FCGX_Free(&io->request, 1);
err0:
	crypto_buf_fini(&records);
	return -1;
}

/* What libfcgi has written. */
static int
read_file(const struct fcgi_io *io, struct buf *out)
{
	off_t n = lseek(io->fd, 0, SEEK_END);

	if (n == -1 || buf_reserve(out, (size_t)n) == -1)
		return -1;
	for (off_t at = 0; at < n;) {
		char part[4096];
		ssize_t got = pread(io->fd, part, sizeof(part), at);
		if (got <= 0)
			return -1;
		if (buf_append(out, part, (size_t)got) == -1)
			return -1;
		at += got;
	}
	return 0;
}

int
fcgi_io_end(struct fcgi_io *io, const struct buf *answer, struct buf *out)
{
	int rc = 0;

	for (size_t at = 0; at < answer->len;) {
		size_t n = answer->len - at;
		if (n > 8192)
			n = 8192;
		if (FCGX_PutStr(answer->data + at, (int)n, io->request.out) ==
		    -1) {
			rc = -1;
			break;
		}
		at += n;
	}
	/* Flushes, writes the end of the request, closes its descriptor. */
	io->request.keepConnection = 0;
	FCGX_Finish_r(&io->request);
	return rc == 0 ? read_file(io, out) : -1;
}
