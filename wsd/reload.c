#include "wsd/reload.h"

#include "base/log.h"
#include "base/notify.h"
#include "wsd/open_files.h"

void
reload(struct config *live, const char *path)
{
	struct config fresh;
	struct buf error = BUF_INIT, restart = BUF_INIT;

	notify_send("RELOADING=1");
	if (config_load(&fresh, path, &error) == -1) {
		log_lines(log_err, NULL, buf_str(&error));
		log_err("reload: the old values stay");
	} else if (config_reload(live, &fresh, &restart) == -1) {
		log_err("reload: out of memory, the old values stay");
	} else {
		const struct log_opts opts = {.ident = "wsd",
		    .level = (enum log_level)live->log.level,
		    .has_audit = live->log.audit};
		log_init(&opts);
		if (restart.len > 0) {
			log_warn("reload: these need a restart:");
			log_lines(log_warn, NULL, buf_str(&restart));
		}
		open_files_check(live);
		log_notice("configuration read again");
	}
	notify_send("READY=1");
	buf_fini(&error);
	buf_fini(&restart);
}
