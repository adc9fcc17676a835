"""Faults of the store, and of what users are told about it: for the oracle of
the crash tests. `test_mutants` plants all of them."""

from fault import Fault

POWER = "system/test_power_loss.py::test_power_loss_under_load"
TAIL = "system/test_power_loss.py::test_what_a_power_loss_took_stays_away"
KILL = "system/test_store_kill.py::test_kill_rounds"
FLIPS = "system/test_store_flips.py::test_bit_flips"
WALK = "system/test_crash_oracle.py::test_every_operation"
POWER_CUT = "system/test_power_commands.py"
TOOLS = ("tests/store-worker", "tests/store-judge")
READER = ("tests/auth-reader",)
LOGIN = ("login.fcgi",)
ADMIN = ("gatecast-tool",)

FAULTS = [
    Fault("no-fdatasync", "what is acknowledged survives a power loss",
          "shared/store/store.c",
          "while (fdatasync(s->view.journal) == -1) {", "while (false) {",
          (POWER,), TOOLS),
    Fault("no-fsync-at-all", "a base is on disk before it is the base",
          "shared/store/base_gdbm.c", "struct base_builder {",
          "int fsync(int fd) { (void)fd; return 0; }\nstruct base_builder {",
          (POWER,), TOOLS),
    Fault("rename-before-its-journal-is-synced",
          "a generation is whole before it is the present",
          "shared/store/generation.c",
          "while (fdatasync(g->journal) == -1)", "while (false)",
          (POWER,), TOOLS),
    Fault("rename-before-the-names-are-synced",
          "a generation is whole before it is the present",
          "shared/store/generation.c",
          "return err == STORE_OK ? files_sync_dir(g->files) : err;",
          "return err;", (POWER,), TOOLS),
    Fault("journal-unlinked-too-early",
          "there is a whole generation at any time",
          "shared/store/checkpoint.c",
          "\t\terr = generation_install(g);\n\timpl_unlock(",
          "\t{ s->view.generation++; remove_old(s); s->view.generation--;\n"
          "\terr = generation_install(g); }\n\timpl_unlock(", (POWER,), TOOLS),
    Fault("no-crc", "a damaged record is none",
          "shared/store/journal.c",
          "if (record_crc(p, body_len, generation, offset)",
          "if (false && record_crc(p, body_len, generation, offset)",
          (FLIPS,), TOOLS),
    Fault("no-checksum-of-the-base", "a damaged base is refused",
          "shared/store/view_load.c",
          "else if (h.base_crc != crc || h.base_bytes != bytes)",
          "else if (h.base_bytes != bytes)", (FLIPS,), TOOLS),
    Fault("stale-inode", "a long-lived reader sees the new generation",
          "shared/store/store.c",
          "if (!files_id_equal(&now, &s->view.base_id))\n\t\treturn load(s);",
          "if (now.ino == 0)\n\t\treturn load(s);", (POWER,), TOOLS),
    Fault("stale-inode-and-kills",
          "a long-lived reader sees the new generation",
          "shared/store/store.c",
          "if (!files_id_equal(&now, &s->view.base_id))\n\t\treturn load(s);",
          "if (now.ino == 0)\n\t\treturn load(s);", (KILL,), TOOLS),
    Fault("no-seal", "an old journal says which base comes after it",
          "shared/store/checkpoint.c", "err = seal(s, g);",
          "err = seal == NULL;", (POWER,), TOOLS),
    Fault("tail-not-cut", "what a power loss took does not come back",
          "shared/store/store_write.c",
          "if ((uint64_t)st.st_size != v->pos) {", "if (false) {", (TAIL,),
          TOOLS),
    # In the users' terms. A reader's own faults are seen by itself alone.
    Fault("logout-answered-and-not-done", "a log-out ends the session",
          "fcgi-app/page_logout.c",
          "? sessions_end(sessions, visitor->key)", "? STORE_OK", (WALK,),
          LOGIN),
    Fault("logout-not-synced", "an ended session stays ended",
          "shared/auth/sessions_end.c",
          "err = store_del(s->store, key, SESSIONS_KEY_LEN);\n"
          "\tif (err == STORE_OK)\n\t\treturn store_commit(s->store);",
          "err = store_del(s->store, key, SESSIONS_KEY_LEN);\n"
          "\tif (err == STORE_OK)\n\t\treturn store_publish(s->store);",
          (POWER_CUT,), LOGIN + ADMIN),
    Fault("locked-and-sessions-live-on", "a lock ends the user's sessions",
          "shared/tool/tool_user.c", "if (change != CHANGE_DELETE)",
          "if (change == CHANGE_PASSWORD)", (WALK,), ADMIN),
    Fault("change-acknowledged-and-lost", "what the script says is done",
          "shared/tool/tool.c", "enum store_err err = users_commit(u);",
          "enum store_err err = STORE_OK;\n\tusers_abort(u);",
          (WALK,), ADMIN),
    Fault("password-changed-and-locked", "nothing else is changed",
          "shared/tool/tool_user.c", "memcpy(r.hash, hash, sizeof(r.hash));",
          "memcpy(r.hash, hash, sizeof(r.hash)); r.is_locked = true;",
          (WALK,), ADMIN),
    Fault("one-session-of-two-revoked", "all sessions of a user end",
          "shared/auth/sessions_end.c",
          "for (size_t at = 0; at < keys->len; at += SESSIONS_KEY_LEN) {",
          "for (size_t at = SESSIONS_KEY_LEN; at < keys->len;\n"
          "\t    at += SESSIONS_KEY_LEN) {", (WALK,), ADMIN),
    Fault("cookie-of-no-session", "a cookie that was sent is valid",
          "shared/auth/sessions_begin.c",
          "err = store_publish(s->store);\n\t\telse\n\t\t\tstore_abort",
          "store_abort(s->store);\n\t\telse\n\t\t\tstore_abort",
          (WALK,), LOGIN),
    Fault("every-ended-session-resurrected", "an ended session stays ended",
          "shared/auth/sessions.c",
          "if (err == STORE_NOTFOUND)\n\t\treturn SESSIONS_UNKNOWN;",
          "if (err == STORE_NOTFOUND && out != NULL)\n"
          "\t\tstrcpy(out->user, \"alice\");\n"
          "\tif (err == STORE_NOTFOUND)\n\t\treturn SESSIONS_VALID;",
          (WALK,), READER),
    Fault("reader-that-stays-behind",
          "a long-lived reader sees the new generation",
          "shared/store/store.c",
          "if (!files_id_equal(&now, &s->view.base_id))\n\t\treturn load(s);",
          "if (now.ino == 0)\n\t\treturn load(s);", (WALK,), READER),
]
