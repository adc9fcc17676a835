/*
 * What the two formats of tool_userfile share; for nobody else.
 */
#ifndef TOOL_TOOL_USERFILE_IMPL_H
#define TOOL_TOOL_USERFILE_IMPL_H

#include "tool/tool_userfile.h"

/* Copies it. 0 or -1. */
int userfile_add_entry(
    struct tool_userfile *f, const struct tool_userfile_entry *e);

/* Each checks what is for e, takes it, or adds an error to f: false. */
bool userfile_take_name(struct tool_userfile *f, const char *p, size_t n,
    struct tool_userfile_entry *e);
bool userfile_take_hash(struct tool_userfile *f,
    const struct tool_userfile_opts *opts, const char *p, size_t n,
    struct tool_userfile_entry *e);
bool userfile_take_password(struct tool_userfile *f,
    const struct tool_userfile_opts *opts, const char *p, size_t n,
    struct tool_userfile_entry *e);

/* 0, or -1: no memory. */
int userfile_parse_csv(const struct tool_userfile_opts *opts, char *text,
    size_t n, struct tool_userfile *f);

#endif
