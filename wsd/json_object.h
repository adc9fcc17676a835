/*
 * What strangers send as JSON, decoded by jansson. The caller reads it with
 * jansson's own functions.
 */
#ifndef WSD_JSON_OBJECT_H
#define WSD_JSON_OBJECT_H

#include <jansson.h>
#include <stddef.h>

/* Once, before the sandbox: nobody can make keys that collide. */
void json_object_init(void);

/*
 * The value, for json_decref; or NULL with errno: EINVAL: not an object or
 * one with a key twice; ENOMEM. No string in it has a NUL.
 */
json_t *json_object_decode(const void *bytes, size_t n);

#endif
