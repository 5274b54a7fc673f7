/*
 * The names that become parts of paths: projects and apps. Everything else is refused, so that no
 * name can leave the storage directory.
 */
#pragma once

#include <stdbool.h>

/* [A-Za-z0-9_:-]{1,255}. NULL: false. */
bool names_project_is_valid(const char *project);

/* [A-Za-z0-9_:.-]{1,255}, neither "." nor "..". NULL: false. */
bool names_app_id_is_valid(const char *app_id);
