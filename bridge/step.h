/*
 * Between steps and what hangs below them.
 */
#pragma once

#include "bridge/object.h"

/* Takes an ended step off its app's list once no span and no stream of it is left. */
void step_unlink_if_done(struct step *step);
