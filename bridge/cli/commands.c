/*
 * The table of commands: one line each, in the order of the help text.
 */
#include "bridge/cli/command.h"

const struct command *const commands[] = {
    &cmd_demo, &cmd_doctor, &cmd_collect, &cmd_replay, &cmd_load, &cmd_validate, NULL,
};
