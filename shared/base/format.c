/* Words alone: what a file's version is, only its own reader knows. */
#include "base/format.h"

#include <inttypes.h>

void
format_refuse(
    struct buf *out, uint64_t found, uint64_t known, const char *if_earlier)
{
	buf_printf(out,
	    "of version %" PRIu64 ", and this gatecast reads version %" PRIu64
	    ": ",
	    found, known);
	if (found > known)
		buf_puts(out, "a later version wrote it; upgrade gatecast");
	else
		buf_printf(out, "an earlier version wrote it; %s", if_earlier);
}
