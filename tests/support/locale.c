#include "tests/support/locale.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "otlp/common/macro.h"
#include "tests/support/temp.h"

bool locale_enter(const char *name) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char command[512];
    snprintf(command, sizeof command, "localedef -i %s -f UTF-8 %s/%s.UTF-8 >%s/log 2>&1", name,
             dir, name, dir);
    (void)!system(command); /* it complains of trifles by its status: what counts is the result */
    char full_name[64];
    snprintf(full_name, sizeof full_name, "%s.UTF-8", name);
    setenv("LOCPATH", dir, 1);
    bool entered = setlocale(LC_ALL, full_name) != NULL;
    unsetenv("LOCPATH"); /* the C library keeps the files mapped */
    return entered;
}
